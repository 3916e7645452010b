"""The Data Science Bowl's report page, data: spacing, slice counts and lung volume by class, on a sample of scans."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.competitions.dsb.figures.scans import SEED, all_scans
from pulmo.competitions.dsb.volumes import modality_of
from pulmo.errors import ScanError
from pulmo.files import located
from pulmo.imaging.lungs import estimate_lung_litres
from pulmo.imaging.reading import read_volume
from pulmo.imaging.series import find_slices, longest, stacks
from pulmo.imaging.volume import median_step
from pulmo.pipeline.runner import Run
from pulmo.report.charts import Groups, histogram_by_group
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw
from pulmo.report.style import SKY, VERMILION

GEOMETRIES, VOLUMES = 30, 10
"""Scans of each class whose headers, and whose pixels, are read."""


def geometry(run: Run) -> Figure:
    """Slice spacing, pixel spacing and number of slices by class."""
    scans = _sample(run, GEOMETRIES)
    table = _geometries(tuple(scans["folder"])).merge(scans, on="folder")
    spacing = table["spacing_mm"]
    labels = {"spacing_mm": "slice spacing, mm", "pixel_mm": "pixel spacing, mm", "slices": "slices"}
    return Figure(
        "Spacing and slice counts",
        f"{len(table)} scans drawn at random (seed {SEED}), up to {GEOMETRIES} of each class: slices "
        f"{spacing.min():.3g} to {spacing.max():.3g} mm apart, {table['slices'].min()} to {table['slices'].max()} of "
        "them. Every group has area 1.",
        [histogram_by_group(table, name, label, _groups(run)) for name, label in labels.items()],
        "Histograms of slice spacing, pixel spacing and number of slices by class",
    )


def lung_volume(run: Run) -> Figure:
    """Lung volume by class."""
    scans = _sample(run, VOLUMES)
    if modality_of([located(folder) for folder in scans["folder"]]) != "CT":
        raise CannotDrawError(str(run.paths.data), "holds MR scans, which show no lung volume", "No action needed")
    table = _litres(tuple(scans["folder"])).merge(scans, on="folder")
    if table.empty:
        raise CannotDrawError(
            str(run.paths.data), "no scan of the sample shows lungs", "Run `pulmo scan` on one of them"
        )
    medians = table.groupby("kind")["litres"].median()
    words = " and ".join(f"{litres:.1f} litres ({kind})" for kind, litres in medians.items())
    return Figure(
        "Lung volume by class",
        f"{len(table)} scans drawn at random (seed {SEED}), up to {VOLUMES} of each class, on a coarse grid: medians "
        f"are {words}. Every group has area 1.",
        histogram_by_group(table, "litres", "lung volume, litres", _groups(run)),
        "Histograms of lung volume by class",
    )


FIGURES: tuple[Draw, ...] = (geometry, lung_volume)


def _groups(run: Run) -> Groups:
    first, second = all_scans(run).classes
    return Groups("kind", {first: SKY, second: VERMILION})


def _sample(run: Run, count: int) -> pd.DataFrame:
    """`folder` and `kind` of up to `count` scans of each class. Raises UserError if no scan has a label."""
    scans = all_scans(run)
    rows = [
        (str(folder), name)
        for label, name in enumerate(scans.classes)
        for folder in np.random.default_rng(SEED)
        .permutation(scans.table.loc[scans.table["label"] == label, "folder"].to_numpy(str))[:count]
        .tolist()
    ]
    if not rows:
        raise CannotDrawError(str(run.paths.data), f"holds {len(scans.table)} scans, none labelled", "Give labels")
    return pd.DataFrame(rows, columns=["folder", "kind"])


@lru_cache(maxsize=1)
def _geometries(folders: tuple[str, ...]) -> pd.DataFrame:
    """`folder`, `spacing_mm`, `pixel_mm` and `slices` of each readable scan; raises UserError if there is none."""
    rows = []
    for folder in folders:
        try:
            stack = longest(stacks(find_slices(located(folder), modality_of([located(folder)]))[0]))
        except (ScanError, OSError):
            continue
        pixel_mm = stack.slices[0].pixel_spacing_mm
        step_mm = median_step(stack.positions_mm) if len(stack.slices) > 1 else np.nan
        rows.append((folder, step_mm, pixel_mm[0] if pixel_mm else np.nan, len(stack.slices)))
    if not rows:
        raise CannotDrawError(str(Path(folders[0]).parent), "no scan of the sample is readable", "Download them again")
    return pd.DataFrame(rows, columns=["folder", "spacing_mm", "pixel_mm", "slices"])


@lru_cache(maxsize=1)
def _litres(folders: tuple[str, ...]) -> pd.DataFrame:
    """`folder` and `litres` of each scan with lungs."""
    rows = []
    for folder in folders:
        try:
            rows.append((folder, estimate_lung_litres(read_volume(located(folder)))))
        except (ScanError, OSError):
            continue
    found = pd.DataFrame(rows, columns=["folder", "litres"])
    return found[found["litres"] > 0]
