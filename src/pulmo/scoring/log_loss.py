"""The Data Science Bowl's metric: the log loss of a probability.

−[y·ln p + (1 − y)·ln(1 − p)], p clipped to 1e-15 … 1 − 1e-15; the score is the mean over scans, 0 at best. Source: the
evaluation page of Kaggle's Data Science Bowl 2017.
"""

import numpy as np
import pandas as pd

from pulmo.errors import Fault, ParticipantVisibleError
from pulmo.scoring.ids import SCORE_SUBSET, id_faults, repeated_ids
from pulmo.scoring.tables import name_of, place, require_columns, to_numbers

COLUMN = "cancer"
CLIP = 1e-15


def log_loss(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The loss of each row.

    Args:
        label: what is true, 0 or 1, any shape.
        probability: of a 1, 0 … 1, of the same shape (or one that broadcasts to it).

    Returns:
        The loss of each row, in the common shape; smaller is better, ln 2 is what a probability of one half gives.
    """
    clipped = np.clip(probability, CLIP, 1 - CLIP)
    return np.asarray(-np.where(np.asarray(label) == 1, np.log(clipped), np.log1p(-clipped)))


def check_cells(submission: pd.DataFrame) -> list[Fault]:
    """A fault for each cell that is no probability."""
    file = name_of(submission, "submission")
    probability, faults = to_numbers(submission, COLUMN, file)
    outside = (probability < 0) | (probability > 1)
    return faults + [
        Fault(
            place(file, row, COLUMN),
            f"{str(submission[COLUMN].iloc[row])!r} is no probability",
            "Give a number from 0 to 1",
        )
        for row in np.flatnonzero(outside)
    ]


def score(solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str) -> float:
    """The score of a submission, called as Kaggle calls a metric.

    Args:
        solution: columns `row_id_column_name` and `cancer`, 0 or 1.
        submission: the same columns, a probability in `cancer`; the same ids, in any order. Neither frame is changed.
        row_id_column_name: the id column (`id`).

    Raises:
        ParticipantVisibleError: a column, an id or a cell of the submission is wrong; every fault is named.
        ValueError: the solution itself is wrong.
    """
    faults = require_columns(submission, (row_id_column_name, COLUMN), name_of(submission, "submission"))
    if not faults:
        faults += id_faults(submission, solution, row_id_column_name, SCORE_SUBSET)
        faults += check_cells(submission)
    if faults:
        raise ParticipantVisibleError(faults)
    label, solution_faults = to_labels(solution, "solution")
    solution_faults += repeated_ids(solution, row_id_column_name)
    if solution_faults or not len(solution):
        raise ValueError("\n".join(map(str, solution_faults)) or "the solution has no row")
    rows = pd.Index(submission[row_id_column_name].astype(str)).get_indexer(solution[row_id_column_name].astype(str))
    return float(log_loss(label, to_numbers(submission, COLUMN, "submission")[0][rows]).mean())


def to_labels(table: pd.DataFrame, file: str) -> tuple[np.ndarray, list[Fault]]:
    """The column `cancer` of a table of what is true.

    Returns:
        float64 (rows,), 0 or 1; and a fault for each cell that is neither.
    """
    label, faults = to_numbers(table, COLUMN, file)
    neither = np.isfinite(label) & (label != 0) & (label != 1)
    return label, faults + [
        Fault(place(file, row, COLUMN), f"{str(table[COLUMN].iloc[row])!r} is neither 0 nor 1", "Write 0 or 1")
        for row in np.flatnonzero(neither)
    ]
