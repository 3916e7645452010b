"""Scans of either class to look at, read from the data themselves; and what is dense in them."""

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
MOST_TRIED = 5
EDGE_MM = 2.0
FAINT, BRIGHT = 0.3, 1.5  # of the body's median, in MR
LUNG_WINDOW_HU = (-1350.0, 150.0)


class Looked(NamedTuple):
    """A scan as it is shown.

    Attributes:
        id, kind: its name, and its class in words.
        volume: in HU, or of MR in units of a thousandth of the body's median.
        around, inside: what is shown see-through, such as the lungs, and the parts to be seen in it.
        window: grey levels, from black to white.
        hint: what to look for.
    """

    id: str
    kind: str
    volume: Volume
    around: MaskSurface
    inside: MaskSurface
    window: tuple[float, float]
    hint: str


def all_scans(run: Run) -> Scans:
    """What lies in the data's folder, read as the stage `features` reads it."""
    settings = run.settings.features  # type: ignore[attr-defined]
    return _found(run.paths.data, settings.min_readers, settings.positive)


@lru_cache(maxsize=1)
def _found(folder: Path, min_readers: int, positive: str) -> Scans:
    """Once for all figures of a page: LIDC-IDRI's annotations are a thousand files."""
    return find_scans(folder, min_readers, positive)


def of_class(run: Run, label: int) -> Looked:
    """A scan of a class, drawn at random from those that can be read.

    Raises:
        UserError: there is none among the first MOST_TRIED.
    """
    scans = all_scans(run)
    rows = scans.table[scans.table["label"] == label]
    for row in _shuffled(rows):
        try:
            return _look(row["id"], scans.classes[label], Path(row["folder"]))
        except (ScanError, OSError):
            continue
    what = f"holds no scan of the class {scans.classes[label]!r} that can be read"
    raise CannotDrawError(
        str(run.paths.data), what, "Give labelled scans: Kaggle's files, LIDC-IDRI, or a folder a class"
    )


def _shuffled(rows: pd.DataFrame) -> Iterator[pd.Series]:
    for place in np.random.default_rng(SEED).permutation(len(rows))[:MOST_TRIED].tolist():
        yield rows.iloc[place]


def _look(name: str, kind: str, folder: Path) -> Looked:
    if modality_of([folder]) == "MR":
        return _look_at_mr(name, kind, folder)
    volume = read_volume(folder)
    lungs = segment_lungs(volume).labels > 0
    dense = _within(lungs, volume.pixel_spacing_mm) & (volume.hu > NODULE_ENHANCED_HU)
    around, inside = (
        MaskSurface(lungs, "lungs", SKY),
        MaskSurface(dense, f"denser than {in_hu(NODULE_ENHANCED_HU)}", ORANGE),
    )
    hint = "Vessels branch from the middle and thin out; what hangs alone may be a nodule."
    return Looked(name, kind, volume, around, inside, LUNG_WINDOW_HU, hint)


def in_hu(value: int) -> str:
    """Hounsfield units, with a proper minus."""
    return f"{value} HU".replace("-", "−")


def _within(lungs: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """The lungs without their edge, on whose voxels the chest wall has a share."""
    sides = [2 * max(1, round(EDGE_MM / side)) + 1 for side in spacing_mm]
    nearby = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (sides[1], sides[0]))
    return np.asarray(np.stack([cv2.erode(plane.astype(np.uint8), nearby) for plane in lungs]) > 0)


def _look_at_mr(name: str, kind: str, folder: Path) -> Looked:
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
    hint = "A tumour may be brighter than the body, and even, or dark in its middle."
    return Looked(name, kind, volume, MaskSurface(relative > FAINT, "body", SKY), bright, (0.0, 3000.0), hint)
