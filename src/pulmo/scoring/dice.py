"""The SIIM metric: the mean over images of the Dice coefficient 2|A∩B|/(|A|+|B|), 1 where both masks are empty.

Computed from run lengths, without decoding. Source: the evaluation page of Kaggle's SIIM-ACR Pneumothorax Segmentation.
"""

from functools import partial

import numpy as np
import pandas as pd

from pulmo.errors import Fault
from pulmo.scoring.metric import checked_predictions, refuse_solution, require_solution_columns
from pulmo.scoring.rle import RunLengthMasks, area, intersection, parse, parse_checked, union
from pulmo.scoring.tables import name_of, place

ENCODED_PIXELS = "EncodedPixels"
PIXELS = 1024 * 1024
"""Pixels of an image of the competition."""


def dice(first: RunLengthMasks, second: RunLengthMasks) -> np.ndarray:
    """The Dice coefficient of pairs of masks, (masks,) float64."""
    return dice_from_areas(area(intersection(first, second)), area(first), area(second))


def dice_from_areas(shared: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """2|A∩B|/(|A|+|B|) from pixel counts |A∩B|, |A| and |B|, of any shape; 1 where both are empty."""
    both = first + second
    return np.asarray(np.where(both > 0, 2 * shared / np.maximum(both, 1), 1.0))


def check_predictions(submission: pd.DataFrame, column: str = ENCODED_PIXELS, pixels: int = PIXELS) -> list[Fault]:
    """A fault for each value of `column` that is not the run-length encoding of a mask of so many pixels."""
    return _masks_of(column, pixels, submission)[1]


def _masks_of(column: str, pixels: int, submission: pd.DataFrame) -> tuple[RunLengthMasks, list[Fault]]:
    file = name_of(submission, "submission")
    masks, found = parse_checked(list(map(str, submission[column])), pixels)
    return masks, [Fault(place(file, fault.row, column), fault.what, fault.remedy) for fault in found]


def united(rows: pd.DataFrame, row_id: str, column: str = ENCODED_PIXELS) -> tuple[list[str], RunLengthMasks]:
    """Unique ids of a table of masks, and the mask of each, the union of its rows."""
    group, ids = pd.factorize(rows[row_id].astype(str))
    masks = parse(list(map(str, rows[column])))
    return ids.to_list(), masks if len(ids) == len(rows) else union(masks, group, len(ids))


def score(
    solution: pd.DataFrame,
    submission: pd.DataFrame,
    row_id_column_name: str,
    column: str = ENCODED_PIXELS,
    pixels: int = PIXELS,
) -> float:
    """The score of a submission, called as Kaggle calls a metric.

    Args:
        solution: columns `row_id_column_name` and `column`; several rows of one image are united.
        submission: the same columns, each image once; neither frame is changed.
        row_id_column_name: the id column.
        column: of run-length codes; by default SIIM's.
        pixels: of every image; by default SIIM's.

    Raises:
        ParticipantVisibleError: a column, an id or an encoding of the submission is invalid; lists all faults.
        ValueError: the solution is invalid.
    """
    require_solution_columns(solution, (row_id_column_name, column))
    masks = checked_predictions(submission, solution, (row_id_column_name, column), partial(_masks_of, column, pixels))
    refuse_solution(solution, [])
    ids, truth = united(solution, row_id_column_name, column)
    row_of = {identity: row for row, identity in enumerate(submission[row_id_column_name].astype(str))}
    return float(dice(masks.take([row_of[identity] for identity in ids]), truth).mean())
