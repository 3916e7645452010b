"""The Data Science Bowl's report page, data: scans by class, and one of each class in 3-D and in slices."""

import numpy as np
import pandas as pd

from pulmo.competitions.dsb.figures.measures import FIGURES as OF_MEASURES
from pulmo.competitions.dsb.figures.scans import SelectedScan, all_scans, of_class
from pulmo.errors import ScanError
from pulmo.pipeline.runner import Run
from pulmo.report.charts import bars
from pulmo.report.images import ImagePanel, MaskOutline, image_panels
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw
from pulmo.report.style import SKY
from pulmo.report.surface3d import draw_surfaces
from pulmo.scoring.log_loss import log_loss

SLICES = 7
OPACITY = 0.18


def class_balance(run: Run) -> Figure:
    """Labelled scans of each class, and unlabelled ones."""
    scans = all_scans(run)
    labelled = scans.table[scans.table["label"].notna()]
    if labelled.empty:
        raise CannotDrawError(str(run.paths.data), f"holds {len(scans.table)} scans, none labelled", "Give labels")
    counts = pd.Series({name: int((labelled["label"] == label).sum()) for label, name in enumerate(scans.classes)})
    share = float(labelled["label"].mean())
    constant = float(log_loss(labelled["label"].to_numpy(), np.full(len(labelled), share)).mean())
    return Figure(
        "Class balance",
        f"{len(labelled):,} labelled scans of {labelled['patient'].nunique():,} patients, {share:.1%} of them "
        f"{scans.classes[1]!r}: predicting {share:.3f} for every scan gives a log loss of {constant:.3f}. "
        f"{int(scans.table['label'].isna().sum()):,} more have no label.",
        bars(counts, "scans"),
        "Bars: scans by class: " + ", ".join(f"{name} {count}" for name, count in counts.items()),
    )


def surface_of_negative(run: Run) -> Figure:
    """A scan of class 0 in 3-D."""
    return _surfaces(of_class(run, 0))


def surface_of_positive(run: Run) -> Figure:
    """A scan of class 1 in 3-D."""
    return _surfaces(of_class(run, 1))


def _surfaces(scan: SelectedScan) -> Figure:
    try:
        plot = draw_surfaces(scan.volume, [scan.inside, scan.around], height_pixels=380)
    except ScanError:  # too few voxels inside for a surface
        plot = draw_surfaces(scan.volume, [scan.around], height_pixels=380)
    plot.data[-1].update(opacity=OPACITY)
    litres = [
        float((surface.mask.sum(axis=(1, 2)) * scan.volume.voxel_litres).sum())
        for surface in (scan.around, scan.inside)
    ]
    return Figure(
        f"A scan of class “{scan.kind}”",
        f"{scan.around.name.capitalize()}, {litres[0]:.2f} litres; in orange, voxels {scan.inside.name}, "
        f"{1000 * litres[1]:.0f} ml. {scan.hint} Drag to rotate.",
        plot,
        f"Rotating 3-D model of a scan: {scan.around.name} transparent, denser parts inside",
    )


def slices_of_each(run: Run) -> Figure:
    """Slices of one scan of each class, from feet to head."""
    both = [of_class(run, label) for label in (0, 1)]
    shown = [plane for scan in both for plane in _slices(scan)]
    return Figure(
        "Slices",
        f"{len(shown)} slices of the two scans above, from feet to head, with the outline of the "
        f"{both[0].around.name} in blue.",
        image_panels(shown, inches=1.6),
        f"{len(shown)} slices with the outline of the {both[0].around.name}",
    )


def _slices(scan: SelectedScan) -> list[ImagePanel]:
    inside = np.flatnonzero(scan.around.mask.any(axis=(1, 2)))
    chosen = inside[np.unique(np.linspace(0, len(inside) - 1, SLICES + 2)[1:-1].round().astype(int))]
    rows_mm, columns_mm = scan.volume.pixel_spacing_mm
    return [
        ImagePanel(
            scan.volume.hu[index],
            f"{scan.kind}, slice {index + 1}",
            [MaskOutline(scan.around.mask[index], SKY)],
            window=scan.window,
            aspect=rows_mm / columns_mm,
        )
        for index in chosen.tolist()
    ]


FIGURES: tuple[Draw, ...] = (class_balance, *OF_MEASURES, surface_of_negative, surface_of_positive, slices_of_each)
