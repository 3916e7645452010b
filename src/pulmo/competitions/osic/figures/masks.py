"""OSIC's lung masks: outlines in slices, 3-D models, and mask quality."""

import cc3d
import numpy as np
import pandas as pd

from pulmo.competitions.osic.figures.scans import shown_scan
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.pipeline.runner import Run
from pulmo.report.images import ImagePanel, MaskOutline, image_panels
from pulmo.report.page import Figure
from pulmo.report.scan import LUNG_WINDOW_HU, lungs_of, measured_window
from pulmo.report.sections import CannotDrawError, read
from pulmo.report.style import BLUE, LEFT_COLOUR, RIGHT_COLOUR, VERMILION, legend_above, panel, plain_powers
from pulmo.report.surface3d import MaskSurface, draw_surfaces

MAX_SLICES = 36
BONE_HU, BONE_COLOUR = 250, "#D9CDB8"
SMALLEST_BONE_LITRES = 0.002


def montage(run: Run) -> Figure:
    """Slices with lung outlines."""
    scan = shown_scan(run)
    volume, count = scan.volume, len(scan.volume.hu)
    step = max(1, -(-count // MAX_SLICES))
    aspect = volume.pixel_spacing_mm[0] / volume.pixel_spacing_mm[1]
    window = measured_window(volume.hu[::step])
    shown = [
        ImagePanel(
            volume.hu[index][window],
            f"{index + 1}",
            [
                MaskOutline(scan.mask.labels[index][window] == side, colour)
                for side, colour in ((LEFT, LEFT_COLOUR), (RIGHT, RIGHT_COLOUR))
            ],
            window=LUNG_WINDOW_HU,
            aspect=aspect,
        )
        for index in range(0, count, step)
    ]
    every = f"One slice in {step}" if step > 1 else "Every slice"
    return Figure(
        "Slices",
        f"{every} of {scan.patient}, feet to head, {count} in total; left lung orange, right lung blue, "
        f"{scan.mask.quality.litres:.2f} litres together.",
        image_panels(shown, 1.6),
        f"{len(shown)} slices of a chest CT with the outlines of both lungs",
    )


def without_mask(run: Run) -> Figure:
    """Bones in 3-D."""
    scan = shown_scan(run)
    bones = cc3d.dust((scan.volume.hu > BONE_HU).astype(np.uint8), _voxels(scan.volume.voxel_litres), connectivity=6)
    return Figure(
        "Without the mask",
        f"All voxels of {scan.patient} above {BONE_HU} HU: bones, and other dense objects in the scanner. Click to "
        "stop the rotation.",
        draw_surfaces(scan.volume, [MaskSurface(bones > 0, f"denser than {BONE_HU} HU", BONE_COLOUR)]),
        "The skeleton of the chest as a rotating surface",
    )


def with_mask(run: Run) -> Figure:
    """The lungs in 3-D."""
    scan = shown_scan(run)
    quality = scan.mask.quality
    return Figure(
        "With the mask",
        f"The lungs: {quality.litres:.2f} litres, {quality.balance:.0%} in the left lung. Trachea and bowel are "
        "excluded.",
        draw_surfaces(scan.volume, lungs_of(scan.mask)),
        "Both lungs as rotating surfaces",
    )


def mask_quality(run: Run) -> Figure:
    """Volume and voxel ratio of all masks."""
    statistics = _measured(run)
    good = statistics["quality"] == "good"
    with panel(4.4, 3.2) as drawing:
        axes = drawing.subplots()
        for chosen, name, colour in ((good, "good", BLUE), (~good, "doubtful", VERMILION)):
            rows = statistics[chosen]
            axes.plot(
                rows["lung_litres"],
                rows["pixel_ratio"],
                "o",
                color=colour,
                markersize=4,
                alpha=0.7,
                label=f"{name}: {len(rows)}",
            )
        axes.set(xlabel="litres of lung", ylabel="background voxels per lung voxel", yscale="log")
        plain_powers(axes.yaxis)
        legend_above(axes, columns=2)
    return Figure(
        "Mask quality",
        f"{good.sum()} of {len(good)} masks are good: plausible volume, both lungs, smooth along the body. The "
        "ratio of background to lung depends mostly on the field of view; a point far from the others is worth a look.",
        drawing,
        "Scatter plot of lung volume against the ratio of background to lung voxels, good and doubtful masks",
    )


def excluded_scans(run: Run) -> Figure:
    """Scans that are excluded or have doubtful masks, with reasons."""
    table = read(run, "features/scan_statistics")
    known = table.reindex(columns=["error", "quality"]).astype(object)
    error, quality = known["error"], known["quality"]
    excluded = quality.isna()
    doubtful = ~excluded & (quality != "good")
    why = error.where(error.notna(), quality).where(error.notna() | ~excluded, "no folder, or no lungs found")
    rows = pd.DataFrame({"patient": table["patient"], "used": np.where(excluded, "no", "yes"), "reason": why})[
        excluded | doubtful
    ]
    return Figure(
        "Excluded scans",
        f"Of {len(table)} patients, {excluded.sum()} have no usable scan and are predicted from tabular data alone. "
        f"{doubtful.sum()} masks are doubtful, but used.",
        rows,
        "Table of patients with an excluded or doubtful scan, and the reason",
    )


def _measured(run: Run) -> pd.DataFrame:
    statistics = read(run, "features/scan_statistics")
    if "pixel_ratio" not in statistics or statistics["pixel_ratio"].isna().all():
        raise CannotDrawError(
            "features/scan_statistics", "no scan of this run was measured", "Give the DICOM files to `features`"
        )
    measured: pd.DataFrame = statistics[statistics["pixel_ratio"].notna()]
    return measured


def _voxels(voxel_litres: np.ndarray) -> int:
    return max(1, round(SMALLEST_BONE_LITRES / float(np.median(voxel_litres))))
