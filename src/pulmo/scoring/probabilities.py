"""Files of probabilities and of labels, one column a label: read, checked, written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.errors import Fault, UserError
from pulmo.scoring.ids import repeated_ids
from pulmo.scoring.tables import name_of, place, read_table, to_numbers

CLIP = 1e-15
"""Metrics clip probabilities to CLIP … 1 − CLIP."""


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


def read_labels(
    path: Path, row_id: str, columns: Sequence[str], column_aliases: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """A solution or a table of training labels.

    Args:
        path: the file.
        row_id: its id column, each id once.
        columns: of labels.
        column_aliases: other names that some of the columns go by, name → column.

    Returns:
        `row_id` (text) and `columns` (int64, 0 or 1).

    Raises:
        UserError: no such file, a missing column, a label that is neither 0 nor 1, or an id twice.
    """
    table = read_table(path, (row_id, *columns), column_aliases)
    label, faults = to_labels(table, columns, str(path))
    faults += repeated_ids(table, row_id)
    if faults:
        raise UserError(faults)
    return table[[row_id]].assign(**dict(zip(columns, label.astype(np.int64).T, strict=True)))


def probability_table(ids: Sequence[str], probability: np.ndarray, row_id: str, columns: Sequence[str]) -> pd.DataFrame:
    """Probabilities as Kaggle's table, in the same order, with all their digits and away from 0 and 1 by CLIP.

    Rounded to 0 or 1, a probability would cost 34.5 of log loss where it is wrong, whatever it was.

    Args:
        ids: of the rows.
        probability: (rows, columns).
        row_id: the id column.
        columns: one a label.
    """
    clipped = np.clip(np.asarray(probability, np.float64), CLIP, 1 - CLIP)
    return pd.DataFrame({row_id: list(ids), **dict(zip(columns, clipped.T, strict=True))})


def _columns(table: pd.DataFrame, columns: Sequence[str], file: str) -> tuple[np.ndarray, list[Fault]]:
    read = [to_numbers(table, column, file) for column in columns]
    return np.stack([values for values, _ in read], axis=1), [fault for _, faults in read for fault in faults]
