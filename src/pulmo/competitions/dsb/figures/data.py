"""The Data Science Bowl's report page, the data: scans by class, one of each to be turned and looked through."""

import numpy as np
import pandas as pd

from pulmo.competitions.dsb.figures.scans import Looked, all_scans, of_class
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
SEE_THROUGH = 0.18


def class_balance(run: Run) -> Figure:
    """Scans of each class, and how many are asked about."""
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
        f"{scans.classes[1]!r}: who says {share:.3f} of every scan has a log loss of {constant:.3f}. "
        f"{int(scans.table['label'].isna().sum()):,} more have no label.",
        bars(counts, "scans"),
        "Bars: scans by class: " + ", ".join(f"{name} {count}" for name, count in counts.items()),
    )


def surface_of_negative(run: Run) -> Figure:
    """A scan of the class 0, turning."""
    return _turning(of_class(run, 0))


def surface_of_positive(run: Run) -> Figure:
    """A scan of the class 1, turning."""
    return _turning(of_class(run, 1))


def _turning(looked: Looked) -> Figure:
    try:
        picture = draw_surfaces(looked.volume, [looked.inside, looked.around], height_pixels=380)
    except ScanError:  # too little lies inside for a surface
        picture = draw_surfaces(looked.volume, [looked.around], height_pixels=380)
    picture.data[-1].update(opacity=SEE_THROUGH)
    litres = [
        float((body.mask.sum(axis=(1, 2)) * looked.volume.voxel_litres).sum())
        for body in (looked.around, looked.inside)
    ]
    return Figure(
        f"A scan of the class “{looked.kind}”",
        f"{looked.around.name.capitalize()}, {litres[0]:.2f} litres, and in it what is {looked.inside.name}, "
        f"{1000 * litres[1]:.0f} ml. {looked.hint} Drag to turn it.",
        picture,
        f"Turning volume of a scan: {looked.around.name} see-through, denser parts inside",
    )


def slices_of_each(run: Run) -> Figure:
    """Slices of one scan of each class, from feet to head."""
    both = [of_class(run, label) for label in (0, 1)]
    shown = [plane for looked in both for plane in _slices(looked)]
    return Figure(
        "Slices",
        f"{len(shown)} slices of the two scans above, from feet to head, the outline of the {both[0].around.name} in "
        "blue.",
        image_panels(shown, inches=1.6),
        f"{len(shown)} slices with the outline of the {both[0].around.name}",
    )


def _slices(looked: Looked) -> list[ImagePanel]:
    inside = np.flatnonzero(looked.around.mask.any(axis=(1, 2)))
    chosen = inside[np.unique(np.linspace(0, len(inside) - 1, SLICES + 2)[1:-1].round().astype(int))]
    rows_mm, columns_mm = looked.volume.pixel_spacing_mm
    return [
        ImagePanel(
            looked.volume.hu[index],
            f"{looked.kind}, slice {index + 1}",
            [MaskOutline(looked.around.mask[index], SKY)],
            window=looked.window,
            aspect=rows_mm / columns_mm,
        )
        for index in chosen.tolist()
    ]


FIGURES: tuple[Draw, ...] = (class_balance, surface_of_negative, surface_of_positive, slices_of_each)
