"""Example scans of each class, read from the data, and their dense regions."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from pulmo.competitions.dsb.data import Scans, find_scans
from pulmo.competitions.dsb.volumes import modality_of
from pulmo.errors import ScanError
from pulmo.files import located
from pulmo.imaging.lungs import segment_lungs
from pulmo.imaging.mr import body_median, read_mr
from pulmo.imaging.network_volume import NODULE_ENHANCED_HU
from pulmo.imaging.reading import read_volume
from pulmo.imaging.series import find_slices
from pulmo.imaging.volume import Volume
from pulmo.pipeline.runner import Run
from pulmo.report.sections import CannotDrawError
from pulmo.report.style import ORANGE, SKY
from pulmo.report.surface3d import MaskSurface

SEED = 0
MAX_ATTEMPTS = 5
EDGE_MM = 2.0
FAINT, BRIGHT = 0.3, 1.5  # of the body's median, in MR
LUNG_WINDOW_HU = (-1350.0, 150.0)


class SelectedScan(NamedTuple):
    """A scan and its display.

    Attributes:
        id, kind: its id and the name of its class.
        volume: in HU; of MR in thousandths of the body's median.
        around, inside: the transparent surface, such as the lungs, and the dense parts inside.
        window: values of black and white.
        hint: a sentence on its interpretation.
    """

    id: str
    kind: str
    volume: Volume
    around: MaskSurface
    inside: MaskSurface
    window: tuple[float, float]
    hint: str


def all_scans(run: Run) -> Scans:
    """All scans in the data folder, read as by the stage `features`."""
    settings = run.settings.features  # type: ignore[attr-defined]
    return _found(run.paths.data, settings.min_readers, settings.positive)


@lru_cache(maxsize=1)
def _found(folder: Path, min_readers: int, positive: str) -> Scans:
    """Cached for all figures of a page: LIDC-IDRI's annotations are a thousand files."""
    return find_scans(folder, min_readers, positive)


def of_class(run: Run, label: int) -> SelectedScan:
    """A random readable scan of a class.

    Raises:
        UserError: none of the first MAX_ATTEMPTS is readable.
    """
    scans = all_scans(run)
    rows = scans.table[scans.table["label"] == label]
    for row in _shuffled(rows):
        try:
            return _select(row["id"], scans.classes[label], located(row["folder"]))
        except (ScanError, OSError):
            continue
    what = f"holds no readable scan of class {scans.classes[label]!r}"
    raise CannotDrawError(
        str(run.paths.data), what, "Give labelled scans: Kaggle's files, LIDC-IDRI, or a folder a class"
    )


def _shuffled(rows: pd.DataFrame) -> Iterator[pd.Series]:
    for place in np.random.default_rng(SEED).permutation(len(rows))[:MAX_ATTEMPTS].tolist():
        yield rows.iloc[place]


def _select(name: str, kind: str, folder: Path) -> SelectedScan:
    if modality_of([folder]) == "MR":
        return _select_mr(name, kind, folder)
    volume = read_volume(folder)
    lungs = segment_lungs(volume).labels > 0
    dense = _within(lungs, volume.pixel_spacing_mm) & (volume.hu > NODULE_ENHANCED_HU)
    around, inside = (
        MaskSurface(lungs, "lungs", SKY),
        MaskSurface(dense, f"denser than {in_hu(NODULE_ENHANCED_HU)}", ORANGE),
    )
    hint = "Vessels branch from the hilum; isolated dense parts may be nodules."
    return SelectedScan(name, kind, volume, around, inside, LUNG_WINDOW_HU, hint)


def in_hu(value: int) -> str:
    """Text of a value in Hounsfield units, with a minus sign."""
    return f"{value} HU".replace("-", "−")


def _within(lungs: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """The lungs without their border, whose voxels contain chest wall."""
    sides = [2 * max(1, round(EDGE_MM / side)) + 1 for side in spacing_mm]
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (sides[1], sides[0]))
    return np.asarray(np.stack([cv2.erode(plane.astype(np.uint8), kernel) for plane in lungs]) > 0)


def _select_mr(name: str, kind: str, folder: Path) -> SelectedScan:
    scan = read_mr(folder)
    relative = scan.intensity / body_median(scan.intensity)
    headers, _ = find_slices(folder, "MR")
    spacing_mm = headers[0].pixel_spacing_mm
    volume = Volume(
        hu=np.clip(np.rint(1000 * relative), 0, np.iinfo(np.int16).max).astype(np.int16),
        positions_mm=scan.positions_mm,
        pixel_spacing_mm=(spacing_mm[0], spacing_mm[1]) if spacing_mm else (1.0, 1.0),
        directions=scan.directions,
        shear_mm=np.zeros((len(scan.intensity), 2)),
        repairs=scan.repairs,
        source=scan.source,
    )
    bright = MaskSurface(relative > BRIGHT, f"brighter than {BRIGHT} of the body's median", ORANGE)
    hint = "A tumour may be bright and homogeneous, or dark in its centre."
    return SelectedScan(name, kind, volume, MaskSurface(relative > FAINT, "body", SKY), bright, (0.0, 3000.0), hint)
