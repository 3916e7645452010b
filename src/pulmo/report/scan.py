"""Figures of one CT scan: slices with lung outlines, the histogram of the lungs, and an interactive 3-D model."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from pulmo.imaging.hounsfield import PADDING_HU
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lungs import LungMask
from pulmo.imaging.statistics import BANDS_HU, lung_histogram
from pulmo.imaging.volume import Volume
from pulmo.report.page import Figure, PageSection, write_page
from pulmo.report.style import (
    INK,
    LEFT_COLOUR,
    ORANGE,
    PALE,
    PURPLE,
    RIGHT_COLOUR,
    SKY,
    VERMILION,
    figure,
)
from pulmo.report.surface3d import MaskSurface, draw_surfaces

LUNG_WINDOW_HU = (-1350, 150)  # level −600, width 1500: radiologists' lung window
SOFT_TISSUE_WINDOW_HU = (-160, 240)  # level 40, width 400
MONTAGE_ROWS, MONTAGE_COLUMNS = 3, 4

_BANDS = (
    ("emphysema", "emphysema", PURPLE),
    ("normal", "normally aerated", SKY),
    ("ground_glass_reticular", "ground glass, reticular", ORANGE),
    ("consolidated", "consolidated", VERMILION),
)


def draw_montage(volume: Volume, mask: LungMask | None, path: Path) -> None:
    """Twelve slices from base to apex with outlines of both lungs (the patient's left lung in orange).

    Without a mask, slices of the whole scan in the window of soft tissue.
    """
    shown = np.arange(len(volume.hu)) if mask is None else np.flatnonzero(mask.labels.any(axis=(1, 2)))
    chosen = shown[np.linspace(0, len(shown) - 1, MONTAGE_ROWS * MONTAGE_COLUMNS + 2)[1:-1].round().astype(int)]
    aspect = volume.pixel_spacing_mm[0] / volume.pixel_spacing_mm[1]
    rows, columns = measured_window(volume.hu[chosen])
    low, high = SOFT_TISSUE_WINDOW_HU if mask is None else LUNG_WINDOW_HU
    with figure(11, 8.6, path) as drawing:
        for axes, index in zip(drawing.subplots(MONTAGE_ROWS, MONTAGE_COLUMNS).flat, chosen, strict=True):
            axes.imshow(
                volume.hu[index][rows, columns], cmap="gray", vmin=low, vmax=high, aspect=aspect, interpolation="none"
            )
            if mask is not None:
                _draw_outlines(axes, mask.labels[index][rows, columns])
            axes.set_title(f"slice {index + 1}, {volume.positions_mm[index]:.1f} mm", fontsize=8)
            axes.axis("off")
        found = "no lungs found" if mask is None else _summary(volume, mask)
        drawing.suptitle(f"{_named(volume)}: {found}", fontsize=11, x=0.01, ha="left")


def _draw_outlines(axes: Axes, labels: np.ndarray) -> None:
    for side, colour in ((LEFT, LEFT_COLOUR), (RIGHT, RIGHT_COLOUR)):
        if (outline := labels == side).any():
            axes.contour(outline, levels=[0.5], colors=colour, linewidths=0.9)


def _summary(volume: Volume, mask: LungMask) -> str:
    litres = float(sum(lung_histogram(volume, mask.labels, side).sum() for side in (LEFT, RIGHT)))
    return f"{litres:.2f} litres of lung; left orange, right blue; mask {mask.quality.verdict}"


def _named(volume: Volume) -> str:
    """The name of the scan's folder, resolved where it was given as `.`."""
    return Path(volume.source).resolve().name


def measured_window(planes: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns that are not padding: some scans fill a third of the image."""
    measured = (planes > PADDING_HU).any(axis=0)
    rows, columns = (np.flatnonzero(measured.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def draw_histogram(volume: Volume, mask: LungMask, path: Path) -> None:
    """The histogram of lung volume by density, with the bands of the lung statistics."""
    litres = lung_histogram(volume, mask.labels, LEFT) + lung_histogram(volume, mask.labels, RIGHT)
    width_hu = 10
    low, high = -1024, 200
    binned = litres[: high - low][: (high - low) // width_hu * width_hu].reshape(-1, width_hu).sum(axis=1)
    middles = low + width_hu * (np.arange(len(binned)) + 0.5)
    with figure(8, 4, path) as drawing:
        axes = drawing.subplots()
        axes.bar(middles, 1000 * binned, width=width_hu, color=PALE)
        for band, name, colour in _BANDS:
            start, end = BANDS_HU[band]
            within = (middles >= start) & (middles < end)
            share = litres[start - low : end - low].sum() / litres.sum()
            label = f"{name}: {share:.1%}"
            axes.bar(middles[within], 1000 * binned[within], width=width_hu, color=colour, label=label)
        mean = float(litres @ np.arange(low, low + len(litres)) / litres.sum())
        axes.axvline(mean, color=INK, linewidth=1, label=f"mean {mean:.0f} HU")
        axes.set(xlabel="Hounsfield units", ylabel=f"ml of lung per {width_hu} HU", title=_named(volume))
        axes.legend(loc="upper right")


def lungs_of(mask: LungMask) -> list[MaskSurface]:
    """The surfaces of both lungs; a lung that was not found is left out."""
    sides = ((LEFT, "left lung", LEFT_COLOUR), (RIGHT, "right lung", RIGHT_COLOUR))
    return [
        MaskSurface(mask.labels == side, name, colour) for side, name, colour in sides if (mask.labels == side).any()
    ]


def write_lung_surfaces(volume: Volume, mask: LungMask, path: Path) -> None:
    """Write a self-contained page with a rotating 3-D model of both lungs."""
    name = _named(volume)
    lungs = Figure(
        "Lungs",
        "Drag to rotate, scroll to zoom; axes in mm, to the patient's left, back and head.",
        draw_surfaces(volume, lungs_of(mask), height_pixels=640),
        f"The lungs of {name} as two rotating surfaces",
    )
    write_page(path, f"Lungs of {name}", f"{mask.quality.litres:.2f} litres.", [PageSection("Lungs", [lungs])])
