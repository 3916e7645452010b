"""The log loss of a probability.

−[y·ln p + (1 − y)·ln(1 − p)], p clipped to 1e-15 … 1 − 1e-15; the score is the mean over rows, 0 at best. Source: the
evaluation page of Kaggle's Data Science Bowl 2017.
"""

from functools import partial

import numpy as np
import pandas as pd

from pulmo.scoring.ids import repeated_ids
from pulmo.scoring.metric import checked_predictions, refuse_solution, require_solution_columns, rows_of
from pulmo.scoring.probabilities import CLIP, to_labels, to_probabilities


def log_loss(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The loss of each row.

    Args:
        label: what is true, 0 or 1, any shape.
        probability: of a 1, 0 … 1, of the same shape (or one that broadcasts to it).

    Returns:
        The loss of each row, in the common shape; smaller is better, a probability of one half gives ln 2.
    """
    clipped = np.clip(probability, CLIP, 1 - CLIP)
    return np.asarray(-np.where(np.asarray(label) == 1, np.log(clipped), np.log1p(-clipped)))


def score(solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str, column: str) -> float:
    """The score of a submission; with `column` bound, called as Kaggle calls a metric.

    Args:
        solution: columns `row_id_column_name` and `column`, 0 or 1.
        submission: the same columns, a probability in `column`; the same ids, in any order. Neither frame is changed.
        row_id_column_name: the id column.
        column: of labels and probabilities.

    Raises:
        ParticipantVisibleError: a column, an id or a cell of the submission is wrong; every fault is named.
        ValueError: the solution itself is wrong.
    """
    require_solution_columns(solution, (row_id_column_name, column))
    parse = partial(to_probabilities, columns=[column])
    probability = checked_predictions(submission, solution, (row_id_column_name, column), parse)
    label, faults = to_labels(solution, [column], "solution")
    refuse_solution(solution, faults + repeated_ids(solution, row_id_column_name))
    return float(log_loss(label, probability[rows_of(solution, submission, row_id_column_name)]).mean())
