"""The mean AUC of several labels, out of fold, and the AUC of each, with errors by bootstrap over patients."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pulmo.blending.bootstrap import Estimate, bootstrap
from pulmo.blending.fold_scores import score_folds_by
from pulmo.scoring.classification import auc
from pulmo.scoring.roc_auc import auc_by_label, mean_auc


class LabelPredictions(NamedTuple):
    """Out-of-fold predictions of labels that may occur together.

    Attributes:
        names: of the labels.
        label: the truth, 0 or 1, (rows, labels).
        probability: predicted, (rows, labels).
        patient: of each row, (rows,).
        fold: of each row, (rows,).
    """

    names: tuple[str, ...]
    label: np.ndarray
    probability: np.ndarray
    patient: np.ndarray
    fold: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, probability: np.ndarray, names: Sequence[str]) -> "LabelPredictions":
        """From a table with the columns `names` (0 or 1), `patient` and `fold`, a row a prediction."""
        columns = table[list(names)].to_numpy(), probability, table["patient"].to_numpy(str), table["fold"].to_numpy()
        return cls(tuple(names), *columns)


def auc_table(predictions: LabelPredictions) -> pd.DataFrame:
    """A row a label: `label`, `positives` (rows), `auc`, its standard `error`, and its 95 % interval, `low` to `high`;
    NaN where all rows have the same label."""
    rows = []
    for column, name in enumerate(predictions.names):
        label, probability = predictions.label[:, column], predictions.probability[:, column]
        found = _bootstrap_auc(label, probability, predictions.patient)
        rows.append({"label": name, "positives": int(label.sum()), **found})
    return pd.DataFrame(rows)


def mean_auc_estimate(predictions: LabelPredictions) -> dict[str, Any]:
    """The estimate of the mean AUC as `fit_ensemble` writes it, see `pulmo.competition.Estimate`; its parts are the
    AUCs of the labels, without those that all rows have, or none."""
    _, label, probability, patient, fold = predictions

    def mean(rows: np.ndarray) -> float:
        return mean_auc(auc_by_label(label[rows], probability[rows]))

    every = bootstrap(mean, patient)
    areas = zip(predictions.names, auc_by_label(label, probability).tolist(), strict=True)
    return {
        "score": every.value,
        "standard_error": every.standard_error,
        "folds": score_folds_by(mean, patient, fold),
        "parts": {name: area for name, area in areas if not np.isnan(area)},
        "images": len(label),
        "patients": len(np.unique(patient)),
    }


def _bootstrap_auc(label: np.ndarray, probability: np.ndarray, patient: np.ndarray) -> dict[str, float]:
    found: Estimate = bootstrap(lambda rows: auc(label[rows], probability[rows]), patient)
    return {"auc": found.value, "error": found.standard_error, "low": found.low, "high": found.high}
