"""The score of each fold, and the rule by which a fold is far worse than the others.

A mean over all folds hides a fold whose network failed to train. A fold is far worse if it is worse than the
median of the other folds (of two in the middle, the worse) by more than FAR standard errors of that difference. The
same holds for the AUC, where there is one.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pulmo.blending.bootstrap import Statistic, bootstrap, bootstrap_mean
from pulmo.scoring.classification import auc, auc_error

FAR = 2.0


class Ranked(NamedTuple):
    """The input of an AUC: the true `label`, 0 or 1, and the predicted `probability`, or any number that grows with it;
    (rows,) each."""

    label: np.ndarray
    probability: np.ndarray


def score_folds(
    values: np.ndarray, groups: np.ndarray, fold: np.ndarray, ranked: Ranked | None = None
) -> list[dict[str, Any]]:
    """The mean score of each fold.

    Args:
        values: the out-of-fold score of each row, (rows,); NaN where it does not count.
        groups: the patient of each row, (rows,).
        fold: of each row, (rows,).
        ranked: for an AUC of each fold.

    Returns:
        A row a fold: `fold`, `rows` (how many count), `score` and its `standard_error` (bootstrap over patients); with
        `ranked` also `auc` and `auc_error`. None where a fold has too few rows for it.
    """
    rows = []
    for number in np.unique(fold).tolist():
        inside = fold == number
        counted = inside & ~np.isnan(values)
        row: dict[str, Any] = {"fold": number, "rows": int(counted.sum()), "score": None, "standard_error": None}
        if counted.any():
            mean = bootstrap_mean(values[counted], groups[counted])
            row["score"] = mean.value
            row["standard_error"] = mean.standard_error if len(np.unique(groups[counted])) > 1 else None
        if ranked is not None:
            label, probability = (part[inside] for part in ranked)
            row |= {"auc": _known(auc(label, probability)), "auc_error": _known(auc_error(label, probability))}
        rows.append(row)
    return rows


def score_folds_by(statistic: Statistic, groups: np.ndarray, fold: np.ndarray) -> list[dict[str, Any]]:
    """The score of each fold by a statistic that is no mean over rows, such as an AUC; see `score_folds`.

    Args:
        statistic: of rows, see `blending.bootstrap`.
        groups: the patient of each row, (rows,).
        fold: of each row, (rows,).
    """
    folds = []
    for number in np.unique(fold).tolist():
        rows = np.flatnonzero(fold == number)
        found = bootstrap(partial(_of_some, statistic, rows), groups[rows])
        score, error = _known(found.value), _known(found.standard_error)
        folds.append({"fold": number, "rows": len(rows), "score": score, "standard_error": error})
    return folds


def _of_some(statistic: Statistic, rows: np.ndarray, drawn: np.ndarray) -> float:
    """The statistic of some of the `rows`, drawn by their places."""
    return statistic(rows[drawn])


def far_worse(folds: Sequence[dict[str, Any]], metric: str, greater_is_better: bool) -> list[str]:
    """A sentence for each fold that is far worse than the others, see above.

    Args:
        folds: from `score_folds`.
        metric: name of the score.
        greater_is_better: of the score; of an AUC it always is.
    """
    notes = []
    for name, value, error, sign in (
        (metric, "score", "standard_error", 1 if greater_is_better else -1),
        ("AUC", "auc", "auc_error", 1),
    ):
        known = [row for row in folds if row.get(value) is not None and row.get(error) is not None]
        for row in known if len(known) > 1 else []:
            others = sorted((other for other in known if other is not row), key=lambda other: sign * other[value])
            middle = others[(len(others) - 1) // 2]
            if sign * (middle[value] - row[value]) > FAR * math.hypot(row[error], middle[error]):
                notes.append(
                    f"Fold {row['fold']} is far worse than the others: its {name} is {row[value]:.3f} "
                    f"± {row[error]:.3f}, their median {middle[value]:.3f} ± {middle[error]:.3f}. Inspect its "
                    "training curves in the report, or train again with another --seed"
                )
    return notes


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
