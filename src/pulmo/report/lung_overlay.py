"""An X-ray with the outlines of both lungs drawn on it, as a picture."""

from pathlib import Path

import cv2
import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image, ImageDraw

from pulmo import NOT_FOR_CLINICAL_USE
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.pipeline.disk import writing_to
from pulmo.report.style import LEFT_COLOUR, RIGHT_COLOUR

LONGEST_SIDE = 1024
"""In pixels; smaller images stay as they are."""
_FOOTER_PIXELS = 16


def draw_lung_overlay(grey: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Write an X-ray with the patient's left lung outlined in orange, the right one in blue.

    Args:
        grey: uint8 (rows, columns).
        labels: uint8 (rows, columns), LEFT and RIGHT.
        path: of the PNG file; its longest side is at most LONGEST_SIDE.
    """
    scale = min(1.0, LONGEST_SIDE / max(grey.shape))
    size = tuple(max(1, round(scale * side)) for side in reversed(grey.shape))
    picture = cv2.cvtColor(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2RGB)
    small = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
    for side, colour in ((LEFT, LEFT_COLOUR), (RIGHT, RIGHT_COLOUR)):
        outlines, _ = cv2.findContours((small == side).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        rgb = tuple(round(255 * part) for part in to_rgb(colour))
        cv2.drawContours(picture, outlines, -1, rgb, thickness=max(1, max(size) // 400), lineType=cv2.LINE_AA)
    page = Image.new("RGB", (size[0], size[1] + _FOOTER_PIXELS), "white")
    page.paste(Image.fromarray(picture))
    ImageDraw.Draw(page).text((4, size[1] + 2), NOT_FOR_CLINICAL_USE, fill="black")
    with writing_to(path.parent):
        page.save(path)
