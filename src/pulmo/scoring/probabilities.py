"""Columns of probabilities and of labels, as metrics of classification read them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pulmo.errors import Fault
from pulmo.scoring.tables import name_of, place, to_numbers


def to_probabilities(submission: pd.DataFrame, columns: Sequence[str]) -> tuple[np.ndarray, list[Fault]]:
    """Some columns of a submission.

    Returns:
        float64 (rows, columns), NaN where a cell is no number; and a fault for each cell that is no probability.
    """
    file = name_of(submission, "submission")
    values, faults = _columns(submission, columns, file)
    for row, column in np.argwhere((values < 0) | (values > 1)):
        cell = str(submission[columns[column]].iloc[row])
        what = f"{cell!r} is no probability"
        faults.append(Fault(place(file, row, columns[column]), what, "Give a number from 0 to 1"))
    return values, faults


def to_labels(table: pd.DataFrame, columns: Sequence[str], file: str) -> tuple[np.ndarray, list[Fault]]:
    """Some columns of a table of labels.

    Returns:
        float64 (rows, columns), 0 or 1; and a fault for each cell that is neither.
    """
    values, faults = _columns(table, columns, file)
    for row, column in np.argwhere(np.isfinite(values) & (values != 0) & (values != 1)):
        cell = str(table[columns[column]].iloc[row])
        faults.append(Fault(place(file, row, columns[column]), f"{cell!r} is neither 0 nor 1", "Write 0 or 1"))
    return values, faults


def _columns(table: pd.DataFrame, columns: Sequence[str], file: str) -> tuple[np.ndarray, list[Fault]]:
    read = [to_numbers(table, column, file) for column in columns]
    return np.stack([values for values, _ in read], axis=1), [fault for _, faults in read for fault in faults]
