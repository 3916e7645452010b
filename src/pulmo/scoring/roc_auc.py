"""The area under the ROC curve of each of several labels, and their mean.

The metric of several of Kaggle's classification competitions, such as RANZCR CLiP's: the mean of the columns' AUCs.
"""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from pulmo.errors import Fault, UserError
from pulmo.scoring.classification import auc
from pulmo.scoring.ids import repeated_ids
from pulmo.scoring.metric import checked_predictions, refuse_solution, require_solution_columns, rows_of
from pulmo.scoring.probabilities import to_labels, to_probabilities
from pulmo.scoring.tables import name_of


def auc_by_label(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The AUC of each column, (labels,) float64, NaN where all rows have the same label.

    Args:
        label: 0 or 1, (rows, labels).
        probability: any number that grows with it, (rows, labels).
    """
    return np.array([auc(label[:, column], probability[:, column]) for column in range(label.shape[1])])


def mean_auc(areas: np.ndarray) -> float:
    """The mean of the labels' AUCs (labels,) that are defined; NaN where none is."""
    defined = areas[~np.isnan(areas)]
    return float(defined.mean()) if len(defined) else math.nan


def score_parts(
    solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str, columns: Sequence[str]
) -> dict[str, float]:
    """The AUC of each column of a submission, by the column's name; NaN where all rows have the same label.

    Args:
        solution: columns `row_id_column_name` and `columns`, 0 or 1.
        submission: the same columns, numbers from 0 to 1; the same ids, in any order. Neither frame is changed.
        row_id_column_name: the id column.
        columns: the labels.

    Raises:
        ParticipantVisibleError: a column, an id or a cell of the submission is wrong; every fault is named.
        ValueError: the solution itself is wrong.
    """
    require_solution_columns(solution, (row_id_column_name, *columns))
    parse = partial(to_probabilities, columns=columns)
    probability = checked_predictions(submission, solution, (row_id_column_name, *columns), parse)
    label, faults = to_labels(solution, columns, "solution")
    refuse_solution(solution, faults + repeated_ids(solution, row_id_column_name))
    areas = auc_by_label(label, probability[rows_of(solution, submission, row_id_column_name)])
    return dict(zip(columns, areas.tolist(), strict=True))


def score(solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str, columns: Sequence[str]) -> float:
    """The mean of `score_parts`; with `columns` bound, called as Kaggle calls a metric.

    Kaggle's solutions have both classes of every label. Parts of one, such as half of the patients or a hidden test set
    of some dozen images, may lack a class of a rare label: that label is left out of the mean.

    Raises:
        ParticipantVisibleError: as `score_parts`.
        UserError: no label of the solution has both classes.
        ValueError: the solution itself is wrong.
    """
    areas = score_parts(solution, submission, row_id_column_name, columns)
    mean = mean_auc(np.array(list(areas.values())))
    if np.isnan(mean):
        what = f"the rows scored have one class alone in each of {', '.join(columns)}, so the AUC is undefined"
        raise UserError(Fault(name_of(solution, "solution"), what, "Score rows of both classes"))
    return mean
