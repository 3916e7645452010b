"""The OSIC metric: a modified Laplace log likelihood of an FVC and its standard deviation.

σ = max(Confidence, 70), Δ = min(|FVC − prediction|, 1000), and each row scores −√2·Δ/σ − ln(√2·σ); the score is the
mean, at most −ln(70·√2) = −4.595069. Source: the evaluation page of Kaggle's OSIC Pulmonary Fibrosis Progression (the
report's √(2Δ) is a misprint).
"""

import numpy as np
import pandas as pd

from pulmo.errors import Fault
from pulmo.scoring.metric import checked_predictions, refuse_solution, require_solution_columns, rows_of
from pulmo.scoring.tables import name_of, place, to_numbers

SMALLEST_CONFIDENCE_ML = 70.0
LARGEST_ERROR_ML = 1000.0


def laplace_log_likelihood(fvc_true_ml: np.ndarray, fvc_ml: np.ndarray, confidence_ml: np.ndarray) -> np.ndarray:
    """The log likelihood of each row.

    Args:
        fvc_true_ml: measured forced vital capacities, any shape.
        fvc_ml: predictions, of the same shape (or one that broadcasts to it).
        confidence_ml: predicted standard deviations, likewise.

    Returns:
        The score of each row, in the common shape; greater is better, the maximum is −4.595069.
    """
    sigma = np.maximum(confidence_ml, SMALLEST_CONFIDENCE_ML)
    error = np.minimum(np.abs(np.subtract(fvc_true_ml, fvc_ml)), LARGEST_ERROR_ML)
    return np.asarray(-np.sqrt(2.0) * error / sigma - np.log(np.sqrt(2.0) * sigma))


def check_predictions(submission: pd.DataFrame) -> list[Fault]:
    """A fault for each FVC that is not a finite number and each Confidence that is not a positive one."""
    return _forecasts_of(submission)[1]


def _forecasts_of(submission: pd.DataFrame) -> tuple[tuple[np.ndarray, np.ndarray], list[Fault]]:
    file = name_of(submission, "submission")
    fvc_ml, faults = to_numbers(submission, "FVC", file)
    confidence, not_numbers = to_numbers(submission, "Confidence", file)
    not_positive = [
        Fault(place(file, row, "Confidence"), f"{confidence[row]:g} is not positive", "Give a standard deviation in ml")
        for row in np.flatnonzero(confidence <= 0)
    ]
    return (fvc_ml, confidence), faults + not_numbers + not_positive


def score(solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str) -> float:
    """The score of a submission, called as Kaggle calls a metric.

    Args:
        solution: columns `row_id_column_name` and `FVC`; a subset of the submission's rows is enough.
        submission: columns `row_id_column_name`, `FVC` and `Confidence`; neither frame is changed.
        row_id_column_name: the id column (`Patient_Week`).

    Raises:
        ParticipantVisibleError: a column, an id or a value of the submission is invalid; lists all faults.
        ValueError: the solution is invalid.
    """
    require_solution_columns(solution, (row_id_column_name, "FVC"))
    columns = (row_id_column_name, "FVC", "Confidence")
    fvc_ml, confidence_ml = checked_predictions(submission, solution, columns, _forecasts_of, others=True)
    fvc_true_ml, faults = to_numbers(solution, "FVC", "solution")
    refuse_solution(solution, faults)
    rows = rows_of(solution, submission, row_id_column_name)
    return float(laplace_log_likelihood(fvc_true_ml, fvc_ml[rows], confidence_ml[rows]).mean())
