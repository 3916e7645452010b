"""Boxes ↔ masks: boxes painted as masks for segmentation networks, and boxes around the segmented regions."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from pulmo.scoring.boxes import Boxes

COVERED = 255
MIN_AREA_FRACTION = 0.002
"""Of the image: of the real boxes one in a thousand is smaller."""


class MaskBoxes(NamedTuple):
    """Boxes of probability maps, in pixels of these; `mask_threshold` uint8 (boxes,): the probability, of 255, at which
    the map was cut."""

    boxes: Boxes
    mask_threshold: np.ndarray


def scaled(xywh: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Boxes (boxes, 4) in other pixels: `factor` (boxes, 2) is new pixels for an old one, across and down."""
    return np.asarray(xywh * np.concatenate([factor, factor], axis=1))


def paint(xywh: np.ndarray, pixels: int) -> np.ndarray:
    """How much of each pixel boxes cover, uint8 (pixels, pixels), 255 being all of it.

    `xywh` (boxes, 4) are in pixels of this mask; where boxes overlap, the one that covers more counts.
    """
    covered = np.zeros((pixels, pixels), np.uint8)
    for x, y, width, height in xywh.tolist():
        rows, columns = _covered(y, height, pixels), _covered(x, width, pixels)
        np.maximum(covered, np.rint(COVERED * np.outer(rows, columns)).astype(np.uint8), out=covered)
    return covered


def _covered(start: float, length: float, pixels: int) -> np.ndarray:
    """The share of each pixel of a line that a stretch of it covers, (pixels,)."""
    edges = np.arange(pixels + 1)
    return np.asarray(np.maximum(np.minimum(edges[1:], start + length) - np.maximum(edges[:-1], start), 0))


def boxes_of_masks(probability: np.ndarray, thresholds: Sequence[int]) -> MaskBoxes:
    """The boxes around connected regions of at least a threshold's probability, for each threshold.

    Args:
        probability: uint8 (images, pixels, pixels), 255 being certain.
        thresholds: of 255.

    Returns:
        Upright boxes around connected pixels (diagonals count), their confidence being the mean probability inside the
        region; those of less than MIN_AREA_FRACTION are left out.
    """
    min_area = MIN_AREA_FRACTION * probability[0].size if len(probability) else 0
    rows = [
        (image, threshold, *found)
        for image, mask in enumerate(probability)
        for threshold in thresholds
        for found in _components(mask, threshold, min_area)
    ]
    table = np.array(rows, np.float64).reshape(-1, 7)
    boxes = Boxes(table[:, 0].astype(np.int64), table[:, 3:], table[:, 2])
    return MaskBoxes(boxes, table[:, 1].astype(np.uint8))


def _components(mask: np.ndarray, threshold: int, min_area: float) -> list[tuple[float, ...]]:
    """Confidence, x, y, width, height of each."""
    if mask.max() < threshold:
        return []
    inside = (mask >= threshold).astype(np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    area = statistics[:, cv2.CC_STAT_AREA]
    mean = np.bincount(labels.ravel(), mask.ravel(), count) / np.maximum(area, 1) / COVERED
    left, top, width, height = (
        statistics[:, part] for part in (cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP, cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT)
    )
    return [
        (float(mean[n]), float(left[n]), float(top[n]), float(width[n]), float(height[n]))
        for n in range(1, count)
        if area[n] >= min_area
    ]


def share_inside(boxes: Boxes, masks: np.ndarray) -> np.ndarray:
    """The share of each box that a mask covers, (boxes,) float64.

    Args:
        boxes: in pixels of the masks; `image` counts them.
        masks: uint8 (images, pixels, pixels), 255 being covered.
    """
    pixels = masks.shape[1]
    edges = np.concatenate([boxes.xywh[:, :2], boxes.xywh[:, :2] + boxes.xywh[:, 2:]], axis=1)
    x0, y0, x1, y1 = np.clip(np.rint(edges), 0, pixels).astype(np.int64).T
    shares = [
        float(masks[image, top:bottom, left:right].mean()) / COVERED if bottom > top and right > left else 0.0
        for image, left, top, right, bottom in zip(
            *(part.tolist() for part in (boxes.image, x0, y0, x1, y1)), strict=True
        )
    ]
    return np.array(shares, np.float64)
