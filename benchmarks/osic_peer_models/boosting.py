"""Quantile LightGBM, on the FVC itself as in public notebooks, and on its change."""

import lightgbm
import numpy as np
import pandas as pd

from osic_peer_models.rows import Forecast, from_baseline, fvc_to

ROUNDS = 150
PARAMETERS = {
    "objective": "quantile",
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


def on_fvc(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Quantiles of the later FVC."""
    start = from_baseline(train)
    return _forecast(_quantiles(start, fvc_to(start), test, columns, seed), 0.0)


def on_change(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Quantiles of the change since the first visit."""
    start = from_baseline(train)
    quantiles = _quantiles(start, start["change_ml"].to_numpy(), test, columns, seed)
    return _forecast(quantiles, test["fvc_from_ml"].to_numpy())


def _quantiles(
    train: pd.DataFrame, target: np.ndarray, test: pd.DataFrame, columns: list[str], seed: int
) -> np.ndarray:
    features = ["gap_weeks", *columns]
    predictions = []
    for level in (0.2, 0.5, 0.8):
        rows = lightgbm.Dataset(train[features].to_numpy(), target, params={"verbosity": -1})
        booster = lightgbm.train({**PARAMETERS, "alpha": level, "seed": seed}, rows, ROUNDS)
        predictions.append(booster.predict(test[features].to_numpy()))
    return np.sort(predictions, axis=0)


def _forecast(quantiles: np.ndarray, start: np.ndarray | float) -> Forecast:
    return Forecast(start + quantiles[1], np.maximum(quantiles[2] - quantiles[0], 1.0))
