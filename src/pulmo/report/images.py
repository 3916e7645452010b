"""Panels of images with outlines of masks and boxes."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Rectangle

from pulmo.report.style import INK, styled

TITLE_INCHES = 0.18  # per line
PIXELS_PER_INCH = 190  # above the resolution of screens


class MaskOutline(NamedTuple):
    """The outline of a mask: `inside`, bool of the image's shape or a coarser one, and its colour."""

    inside: np.ndarray
    colour: str


class BoxOutline(NamedTuple):
    """A box in the image's pixels from its upper left corner; its label is drawn above it."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    label: str = ""


def boxes_on(xywh: np.ndarray, colour: str, labels: Sequence[str] = ()) -> list[BoxOutline]:
    """Boxes (n, 4), left, top, width and height, of one colour; `labels`, if given, one per box."""
    named = labels or [""] * len(xywh)
    return [
        BoxOutline(x, y, width, height, colour, label)
        for (x, y, width, height), label in zip(xywh.tolist(), named, strict=True)
    ]


class ImagePanel(NamedTuple):
    """One image with its overlays.

    `image` is grey (rows, columns), black to white over `window` (by default its minimum and maximum), or uint8
    colour (rows, columns, 3). `title` may have several lines. `aspect` is a row's height over a column's width.
    """

    image: np.ndarray
    title: str
    masks: Sequence[MaskOutline] = ()
    boxes: Sequence[BoxOutline] = ()
    window: tuple[float, float] | None = None
    aspect: float = 1.0


def image_panels(images: Sequence[ImagePanel], inches: float = 2.2) -> list[Drawing]:
    """A panel for each image, `inches` wide and of the same height."""
    height = max(image.aspect * image.image.shape[0] / image.image.shape[1] for image in images)
    lines = max(image.title.count("\n") + 1 for image in images)
    return [_panel(image, inches, height * inches, lines * TITLE_INCHES) for image in images]


def draw_image(axes: Axes, panel: ImagePanel, max_pixels: int = 1024) -> None:
    """Draw an image without its title, downsampled by area to `max_pixels` along its longer side."""
    rows, columns = panel.image.shape[:2]
    low, high = panel.window or (None, None)
    axes.imshow(
        _downsampled(panel.image, max_pixels),
        cmap="gray",
        vmin=low,
        vmax=high,
        extent=(0, columns, rows, 0),
        aspect=panel.aspect,
        interpolation="none",
    )
    for mask in panel.masks:
        inside = _downsampled(mask.inside.astype(np.uint8) * 255, max_pixels)
        if inside.min() < inside.max():
            half_y, half_x = (side / count / 2 for side, count in zip((rows, columns), inside.shape, strict=True))
            extent = (half_x, columns - half_x, half_y, rows - half_y)
            axes.contour(inside, levels=[127.5], colors=mask.colour, linewidths=1, extent=extent)
    for box in panel.boxes:
        axes.add_patch(
            Rectangle((box.x, box.y), box.width, box.height, fill=False, edgecolor=box.colour, linewidth=1.2)
        )
        if box.label:
            _draw_label(axes, box, columns)
    axes.set_axis_off()


def _draw_label(axes: Axes, box: BoxOutline, columns: int) -> None:
    """Draw a label above the box, on a dark background, within the image's width."""
    on_right = box.x > 0.6 * columns
    axes.text(
        *(box.x + box.width if on_right else box.x, box.y),
        box.label,
        color=box.colour,
        fontsize=7,
        ha="right" if on_right else "left",
        va="bottom",
        bbox={"facecolor": "black", "alpha": 0.65, "linewidth": 0, "pad": 0.8},
    )


def _panel(panel: ImagePanel, width: float, height: float, title: float) -> Drawing:
    with styled():
        drawing = Drawing(figsize=(width, height + title))
        axes = drawing.add_axes((0, 0, 1, height / (height + title)))
        axes.set_anchor("NW")
        draw_image(axes, panel, round(width * PIXELS_PER_INCH))
        drawing.text(0, 1, panel.title, va="top", fontsize=8, color=INK)
    return drawing


def _downsampled(image: np.ndarray, max_pixels: int) -> np.ndarray:
    rows, columns = image.shape[:2]
    scale = max_pixels / max(rows, columns)
    if scale >= 1:
        return image
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    whole = image if image.dtype in (np.uint8, np.int16, np.float32) else image.astype(np.float32)
    small: np.ndarray = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    return small
