"""Whether an X-ray is an upright frontal view of a chest: by its header, its grey levels and the lungs found in it."""

from typing import NamedTuple

import cv2
import numpy as np

from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.radiograph import Radiograph, RadiographHeader
from pulmo.radiographs.lungs import RadiographLungs

_MODALITIES = ("CR", "DX", "DR", "RG", "RF", "XA", "OT", "SC")
"""X-rays, and images whose origin is not told."""
_FRONTAL_VIEWS = ("PA", "AP")
_CHEST_WORDS = ("CHEST", "THORAX", "LUNG")
_LEVELS_OF_NO_XRAY = {1: "only one grey level: no X-ray", 2: "only two grey levels: a mask, no X-ray"}
_MIN_CERTAINTY = 0.9
_MIN_SHARE, _MIN_BALANCE, _MIN_TALL = 0.07, 0.35, 0.8
_MAX_TILT, _MAX_OFF_CENTRE = 0.45, 0.18
"""Beyond what is found in 415 frontal X-rays: at least 0.12, 0.62 and 1.09; at most 0.40 and 0.15."""
_SAMPLED = 256
"""Pixels a side of the mask that is measured."""


class LungShape(NamedTuple):
    """Measures of two lungs in an image.

    `share` of the image that is lung; `balance`, the smaller lung over the larger, by area; `tilt`, how much higher one
    lung's centre is than the other's, over their distance from side to side; `tall`, the height over the width of the
    wider lung; `off_centre`, the distance of the lungs' middle from the image's, over its width.
    """

    share: float
    balance: float
    tilt: float
    tall: float
    off_centre: float


def is_mirrored(header: RadiographHeader) -> bool:
    """Whether the header says that the patient's left is on the left of the image (PatientOrientation `R…`)."""
    return (header.orientation or "").upper().startswith("R")


def assess_frontal(lungs: RadiographLungs, radiograph: Radiograph) -> tuple[str, ...]:
    """The reasons, in words, to doubt that an X-ray is an upright frontal view of a chest; none for a good one."""
    return (
        *_doubts_by_header(radiograph.header),
        *_doubts_by_levels(radiograph.grey),
        *_doubts_by_lungs(lungs),
    )


def measure_shape(labels: np.ndarray) -> LungShape | None:
    """Measures of the lungs in `RadiographLungs.labels`; None where one or both were not found."""
    step = max(1, max(labels.shape) // _SAMPLED)
    sampled = labels[::step, ::step]
    masks = [sampled == side for side in (LEFT, RIGHT)]
    if not all(mask.any() for mask in masks):
        return None
    places = [np.argwhere(mask) for mask in masks]
    (y, x), (other_y, other_x) = (place.mean(axis=0) for place in places)
    heights, widths = np.array([np.ptp(place, axis=0) + 1 for place in places]).T
    areas = sorted(len(place) for place in places)
    columns = sampled.shape[1]
    return LungShape(
        share=sum(areas) / sampled.size,
        balance=areas[0] / areas[1],
        tilt=float(abs(y - other_y) / max(abs(x - other_x), 1.0)),
        tall=float(heights[np.argmax(widths)] / widths.max()),
        off_centre=float(abs((x + other_x) / 2 - (columns - 1) / 2) / columns),
    )


def _doubts_by_header(header: RadiographHeader) -> list[str]:
    doubts = []
    if header.modality and header.modality.upper() not in _MODALITIES:
        doubts.append(f"its Modality is {header.modality}")
    if header.view and header.view.upper() not in _FRONTAL_VIEWS:
        doubts.append(f"its ViewPosition is {header.view}, neither PA nor AP")
    if header.body_part and not any(word in header.body_part.upper() for word in _CHEST_WORDS):
        doubts.append(f"its BodyPartExamined is {header.body_part}")
    rows, _, columns = (header.orientation or "").upper().partition("\\")
    if (rows or columns) and not (rows.startswith(("L", "R")) and columns.startswith("F")):
        doubts.append(f"its PatientOrientation is {header.orientation}: not from side to side and head to feet")
    return doubts


def _doubts_by_levels(grey: np.ndarray) -> list[str]:
    levels = np.count_nonzero(cv2.calcHist([grey], [0], None, [256], [0, 256]))
    return [_LEVELS_OF_NO_XRAY[levels]] if levels in _LEVELS_OF_NO_XRAY else []


def _doubts_by_lungs(lungs: RadiographLungs) -> list[str]:
    shape = measure_shape(lungs.labels)
    if shape is None:
        return ["only one lung was found" if lungs.labels.any() else "no lungs were found"]
    checks = (
        (lungs.certainty < _MIN_CERTAINTY, f"the network is uncertain ({lungs.certainty:.2f}; usual: above 0.93)"),
        (shape.share < _MIN_SHARE, f"the lungs fill {shape.share:.1%} of the image"),
        (shape.balance < _MIN_BALANCE, f"one lung has {shape.balance:.0%} of the other's area"),
        (shape.tilt > _MAX_TILT, "one lung lies higher than the other"),
        (shape.tall < _MIN_TALL, "a lung is wider than tall"),
        (shape.off_centre > _MAX_OFF_CENTRE, "the lungs are not in the middle of the image"),
    )
    return [reason for is_doubtful, reason in checks if is_doubtful]
