"""The table of candidate boxes that every route writes, and how the ensemble reads it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.rasterize import scaled, share_inside
from pulmo.competitions.rsna.submission import BOX_COLUMNS
from pulmo.scoring.boxes import Boxes, no_boxes

_COLUMNS = ["image", "mask_threshold", "confidence", *BOX_COLUMNS]
NO_THRESHOLD = 0


class Candidates(NamedTuple):
    """The candidate boxes of a route.

    Attributes:
        boxes: in pixels of the X-ray; `image` is the image's place in some list.
        mask_threshold: (boxes,) uint8: the probability (of 255) at which the mask was cut, NO_THRESHOLD for a
            detector's; one of a route's thresholds is chosen for all.
        in_lungs: (boxes,) float64, the share of the box that is lung; 1 where lungs were not segmented.
    """

    boxes: Boxes
    mask_threshold: np.ndarray
    in_lungs: np.ndarray


def candidate_table(
    boxes: Boxes | None = None,
    images: Sequence[str] | pd.Series = (),
    scale: np.ndarray | None = None,
    mask_threshold: np.ndarray | None = None,
) -> pd.DataFrame:
    """Boxes as a table, for the disk; without arguments, an empty one.

    Args:
        boxes: in pixels of the network's images.
        images: their ids, that `image` counts.
        scale: pixels of the X-ray a network pixel, (images, 2), across and down.
        mask_threshold: of each box; by default NO_THRESHOLD.
    """
    boxes = no_boxes() if boxes is None else boxes
    factor = np.ones((0, 2)) if scale is None else scale[boxes.image]
    xywh = scaled(boxes.xywh, factor)
    names = np.asarray(images, dtype=object)[boxes.image]
    if mask_threshold is None:
        mask_threshold = np.full(len(names), NO_THRESHOLD, np.uint8)
    table = pd.DataFrame(xywh, columns=list(BOX_COLUMNS))
    return table.assign(image=names, mask_threshold=mask_threshold, confidence=boxes.confidence)[_COLUMNS]


def read_candidates(table: pd.DataFrame, images: pd.Series) -> Candidates:
    """A table's boxes, as if all of them were lung.

    Args:
        table: from `candidate_table`; boxes of others than `images` are left out.
        images: the ids that `image` is to count.
    """
    places = pd.Index(images).get_indexer(table["image"])
    table, image = table[places >= 0], places[places >= 0].astype(np.int64)
    xywh = table[list(BOX_COLUMNS)].to_numpy(np.float64)
    boxes = Boxes(image, xywh, table["confidence"].to_numpy(np.float64))
    return Candidates(boxes, table["mask_threshold"].to_numpy(np.uint8), np.ones(len(image)))


def share_in_lungs(boxes: Boxes, scale: np.ndarray, lungs: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The share of each box that is lung, (boxes,) float64.

    Args:
        boxes: in pixels of the X-ray.
        scale: network pixels a pixel of the X-ray, (images, 2).
        lungs: masks, uint8 (masks, pixels, pixels).
        rows: which of them is each image's, (images,) int.
    """
    small = scaled(boxes.xywh, scale[boxes.image])
    return share_inside(boxes._replace(image=rows[boxes.image], xywh=small), lungs)
