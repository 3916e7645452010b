"""The table in which every model family leaves its out-of-fold predictions, and how the ensemble reads it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pulmo.competitions.osic.ensemble import filled

QUANTILE_COLUMNS = ["q20_ml", "q50_ml", "q80_ml"]
_KEY = ["patient", "visit_to"]


def fold_of_pairs(pairs: pd.DataFrame, folds: pd.DataFrame) -> np.ndarray:
    """The fold of each pair's patient, (pairs,) int; `folds` has `patient` and `fold`."""
    return pairs["patient"].map(folds.set_index("patient")["fold"]).to_numpy(np.int64)


def to_table(pairs: pd.DataFrame, predictions: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Out-of-fold predictions of one or several models as a table.

    Args:
        pairs: visit pairs; only those that start at the baseline are kept, since the competition shows nothing else.
        predictions: quantiles of the change in ml, (pairs, 3), by model.

    Returns:
        One row a model and later visit: `patient`, `visit_to`, `model` and QUANTILE_COLUMNS, NaN where the model
        says nothing of the patient.
    """
    baseline = pairs["is_baseline_pair"].to_numpy()
    keys = pairs.loc[baseline, _KEY].reset_index(drop=True)
    tables = [
        keys.assign(model=model, **dict(zip(QUANTILE_COLUMNS, quantiles[baseline].T, strict=True)))
        for model, quantiles in predictions.items()
    ]
    return pd.concat(tables, ignore_index=True)


def medians_of(tables: Sequence[pd.DataFrame], baseline_pairs: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Names of all models in these tables, and their medians (models, baseline_pairs) in the order of the pairs.

    A table without rows is that of a model left out; where a model says nothing of a patient, the median is `filled`.
    """
    table = pd.concat([table for table in tables if len(table)], ignore_index=True)
    names = table["model"].drop_duplicates().to_list()
    rows = pd.MultiIndex.from_frame(baseline_pairs[_KEY])
    medians = [table[table["model"] == name].set_index(_KEY)["q50_ml"].loc[rows] for name in names]
    return names, filled(np.stack(medians).astype(np.float64))
