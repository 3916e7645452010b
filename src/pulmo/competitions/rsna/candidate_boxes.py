"""The table in which every route leaves the boxes it suggests, and how the ensemble reads it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.rasterize import scaled, share_inside
from pulmo.competitions.rsna.submission import BOX_COLUMNS
from pulmo.scoring.boxes import Boxes, no_boxes

_COLUMNS = ["patient", "cut", "confidence", *BOX_COLUMNS]
UNCUT = 0


class Candidates(NamedTuple):
    """Boxes that a route suggests.

    Attributes:
        boxes: in pixels of the X-ray; `image` is the patient's place in some list.
        cut: (boxes,) uint8: at which probability (of 255) it was outlined, UNCUT for a detector's; one of a route's
            cuts is chosen for all.
        in_lungs: (boxes,) float64, the share of the box that is lung; 1 where no lungs were looked for.
    """

    boxes: Boxes
    cut: np.ndarray
    in_lungs: np.ndarray


def candidate_table(
    boxes: Boxes | None = None,
    patients: Sequence[str] | pd.Series = (),
    scale: np.ndarray | None = None,
    cut: np.ndarray | None = None,
) -> pd.DataFrame:
    """Boxes as a table, for the disk; without arguments, an empty one.

    Args:
        boxes: in pixels of the network's pictures.
        patients: whom `image` counts.
        scale: pixels of the X-ray a network pixel, (patients, 2), across and down.
        cut: of each box; by default UNCUT.
    """
    boxes = no_boxes() if boxes is None else boxes
    factor = np.ones((0, 2)) if scale is None else scale[boxes.image]
    xywh = scaled(boxes.xywh, factor)
    names = np.asarray(patients, dtype=object)[boxes.image]
    cut = np.full(len(names), UNCUT, np.uint8) if cut is None else cut
    table = pd.DataFrame(xywh, columns=list(BOX_COLUMNS))
    return table.assign(patient=names, cut=cut, confidence=boxes.confidence)[_COLUMNS]


def read_candidates(
    table: pd.DataFrame, patients: pd.Series, scale: np.ndarray, lungs: np.ndarray | None
) -> Candidates:
    """A table's boxes.

    Args:
        table: from `candidate_table`; boxes of others than `patients` are left out.
        patients: whom `image` is to count.
        scale: network pixels a pixel of the X-ray, (patients, 2).
        lungs: masks of the patients, uint8 (patients, pixels, pixels), or None.
    """
    places = pd.Index(patients).get_indexer(table["patient"])
    table, image = table[places >= 0], places[places >= 0].astype(np.int64)
    xywh = table[list(BOX_COLUMNS)].to_numpy(np.float64)
    boxes = Boxes(image, xywh, table["confidence"].to_numpy(np.float64))
    in_lungs = np.ones(len(image))
    if lungs is not None:
        in_lungs = share_inside(boxes._replace(xywh=scaled(xywh, scale[image])), lungs)
    return Candidates(boxes, table["cut"].to_numpy(np.uint8), in_lungs)
