"""OSIC's lungs: outlined slice by slice, turning, and how good the masks are."""

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
from pulmo.report.style import BLUE, GREY, LEFT_COLOUR, RIGHT_COLOUR, VERMILION, panel, plain_powers
from pulmo.report.surface3d import MaskSurface, draw_surfaces

MOST_SLICES = 36
BONE_HU, BONE_COLOUR = 250, "#D9CDB8"
SMALLEST_BONE_LITRES = 0.002
REPORTED_RATIO = 100
"""The OSIC report kept masks with more than so many background voxels a lung voxel."""


def montage(run: Run) -> Figure:
    """Every n-th slice, with the lungs' outlines."""
    scan = shown_scan(run)
    volume, count = scan.volume, len(scan.volume.hu)
    step = max(1, -(-count // MOST_SLICES))
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
        "The scan, slice by slice",
        f"{every} of {scan.patient}, feet to head, {count} in all; left lung orange, right lung blue, "
        f"{scan.mask.quality.litres:.2f} litres together.",
        image_panels(shown, 1.6),
        f"{len(shown)} slices of a chest CT with the outlines of both lungs",
    )


def without_mask(run: Run) -> Figure:
    """Everything dense."""
    scan = shown_scan(run)
    bones = cc3d.dust((scan.volume.hu > BONE_HU).astype(np.uint8), _voxels(scan.volume.voxel_litres), connectivity=6)
    return Figure(
        "Without a mask",
        f"All of {scan.patient} that is denser than {BONE_HU} HU: bones, and whatever else lay in the scanner. "
        "It turns until it is touched.",
        draw_surfaces(scan.volume, [MaskSurface(bones > 0, f"denser than {BONE_HU} HU", BONE_COLOUR)]),
        "The skeleton of the chest as a surface that turns",
    )


def with_mask(run: Run) -> Figure:
    """The lungs alone."""
    scan = shown_scan(run)
    quality = scan.mask.quality
    return Figure(
        "With the mask",
        f"The lungs alone: {quality.litres:.2f} litres, {quality.balance:.0%} of them left. Windpipe and bowel do not "
        "belong to them.",
        draw_surfaces(scan.volume, lungs_of(scan.mask)),
        "Both lungs as surfaces that turn",
    )


def mask_quality(run: Run) -> Figure:
    """Litres and voxel ratio of every mask."""
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
        axes.axhline(REPORTED_RATIO, color=GREY, linewidth=1)
        axes.set(xlabel="litres of lung", ylabel="background voxels a lung voxel", yscale="log")
        plain_powers(axes.yaxis)
        axes.legend()
    return Figure(
        "How good the masks are",
        f"{good.sum()} of {len(good)} masks pass: plausible litres, both lungs, smooth along the body. The report kept "
        f"masks of a ratio above {REPORTED_RATIO} (the line) in their first slice; over a whole scan the ratio "
        "only tells how much of the picture is lung.",
        drawing,
        "Scatter of lung litres against the ratio of background to lung voxels, good and doubtful masks",
    )


def scans_set_aside(run: Run) -> Figure:
    """Which scans are not used, or with doubt, and why."""
    table = read(run, "features/scan_statistics")
    known = table.reindex(columns=["error", "quality"]).astype(object)
    error, quality = known["error"], known["quality"]
    lost = quality.isna()
    doubtful = ~lost & (quality != "good")
    why = error.where(error.notna(), quality).where(error.notna() | ~lost, "no folder, or no lungs found")
    rows = pd.DataFrame({"patient": table["patient"], "used": np.where(lost, "no", "yes"), "why": why})[lost | doubtful]
    return Figure(
        "Scans set aside",
        f"Of {len(table)} patients, {lost.sum()} have no scan that can be used: the tables speak for them. "
        f"{doubtful.sum()} masks are doubtful, and used.",
        rows,
        "Table of patients whose scan is not used, or is doubtful, and the reason",
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
