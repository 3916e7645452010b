"""The SIIM metric: the mean over images of the Dice coefficient 2|A∩B|/(|A|+|B|), 1 where both masks are empty.

Computed from run lengths, without decoding. Source: the evaluation page of Kaggle's SIIM-ACR Pneumothorax Segmentation.
"""

import numpy as np
import pandas as pd

from pulmo.errors import Fault, ParticipantVisibleError
from pulmo.scoring.ids import SCORE_SUBSET, id_faults
from pulmo.scoring.rle import RunLengthMasks, area, intersection, parse, parse_checked, union
from pulmo.scoring.tables import name_of, place, require_columns

CELLS = "EncodedPixels"
PIXELS = 1024 * 1024
"""Pixels of an image of the competition."""


def dice(first: RunLengthMasks, second: RunLengthMasks) -> np.ndarray:
    """The Dice coefficient of pairs of masks, (masks,) float64."""
    return dice_from_areas(area(intersection(first, second)), area(first), area(second))


def dice_from_areas(shared: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """2|A∩B|/(|A|+|B|) from pixel counts |A∩B|, |A| and |B|, of any shape; 1 where both are empty."""
    both = first + second
    return np.asarray(np.where(both > 0, 2 * shared / np.maximum(both, 1), 1.0))


def check_cells(submission: pd.DataFrame) -> list[Fault]:
    """A fault for each value that is not the run-length encoding of a mask of 1024 × 1024 pixels."""
    return _masks_of(submission)[1]


def _masks_of(submission: pd.DataFrame) -> tuple[RunLengthMasks, list[Fault]]:
    file = name_of(submission, "submission")
    masks, found = parse_checked(list(map(str, submission[CELLS])), PIXELS)
    return masks, [Fault(place(file, fault.row, CELLS), fault.what, fault.remedy) for fault in found]


def united(rows: pd.DataFrame, row_id: str) -> tuple[list[str], RunLengthMasks]:
    """Unique ids of a table of masks, and the mask of each, the union of its rows."""
    group, ids = pd.factorize(rows[row_id].astype(str))
    masks = parse(list(map(str, rows[CELLS])))
    return ids.to_list(), masks if len(ids) == len(rows) else union(masks, group, len(ids))


def score(solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str) -> float:
    """The score of a submission, called as Kaggle calls a metric.

    Args:
        solution: columns `row_id_column_name` and `EncodedPixels`; several rows of one image are united.
        submission: the same columns, each image once; neither frame is changed.
        row_id_column_name: the id column (`ImageId`).

    Raises:
        ParticipantVisibleError: a column, an id or an encoding of the submission is invalid; lists all faults.
        ValueError: the solution is invalid.
    """
    faults = require_columns(submission, (row_id_column_name, CELLS), name_of(submission, "submission"))
    if not faults:
        faults += id_faults(submission, solution, row_id_column_name, SCORE_SUBSET)
        masks, format_faults = _masks_of(submission)
        faults += format_faults
    if faults:
        raise ParticipantVisibleError(faults)
    ids, truth = united(solution, row_id_column_name)
    if not ids:
        raise ValueError("the solution has no rows")
    row_of = {identity: row for row, identity in enumerate(submission[row_id_column_name].astype(str))}
    return float(dice(masks.take([row_of[identity] for identity in ids]), truth).mean())
