"""Linear models: baselines of public notebooks, and the best linear models on OSIC's patients."""

import numpy as np
import pandas as pd
from sklearn.linear_model import ElasticNet, HuberRegressor, LinearRegression, Ridge

from osic_peer_models.rows import Forecast, from_baseline, fvc_to, standardised, terms

CONSTANT_CONFIDENCE_ML = 225.0


def constant(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """The first FVC, carried forward."""
    return Forecast(test["fvc_from_ml"].to_numpy(), np.full(len(test), CONSTANT_CONFIDENCE_ML))


def population_decay(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """The first FVC and the least-squares slope of all training patients."""
    start = from_baseline(train)
    slope = (start["gap_weeks"] * start["change_ml"]).sum() / (start["gap_weeks"] ** 2).sum()
    fvc_ml = (test["fvc_from_ml"] + slope * test["gap_weeks"]).to_numpy()
    return Forecast(fvc_ml, np.full(len(test), CONSTANT_CONFIDENCE_ML))


def linear_regression(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Least squares on the FVC itself, from the first visit's data and the weeks since."""
    start = from_baseline(train)
    x_train, x_test = standardised(start, test, ["gap_weeks", *columns])
    fvc_ml = LinearRegression().fit(x_train, fvc_to(start)).predict(x_test)
    return Forecast(fvc_ml, np.full(len(test), CONSTANT_CONFIDENCE_ML))


def ridge(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Ridge of penalty 1000 on the change since the first visit."""
    return _on_change(Ridge(alpha=1000.0), from_baseline(train), test, columns)


def elastic_net(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Elastic net on the change since the first visit, scikit-learn's default l1_ratio, on a standardized target."""
    return _on_change(ElasticNet(alpha=0.05, l1_ratio=0.5), from_baseline(train), test, columns)


def huber(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Huber regression on the change from every visit to every later one."""
    return _on_change(HuberRegressor(epsilon=1.35, alpha=1.0, max_iter=5000), train, test, columns)


def three_linear(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """The mean of ridge, elastic net and Huber."""
    parts = [fit(train, test, columns, seed) for fit in (ridge, elastic_net, huber)]
    return Forecast(np.mean([part.fvc_ml for part in parts], axis=0), _growing(test))


def _on_change(
    model: Ridge | ElasticNet | HuberRegressor, train: pd.DataFrame, test: pd.DataFrame, columns: list[str]
) -> Forecast:
    x_train, x_test = terms(train, test, columns)
    change = train["change_ml"].to_numpy()
    scale = change.std()
    change_ml = model.fit(x_train, change / scale).predict(x_test) * scale
    return Forecast(test["fvc_from_ml"].to_numpy() + change_ml, _growing(test))


def _growing(test: pd.DataFrame) -> np.ndarray:
    return 200.0 + 2.0 * test["gap_weeks"].to_numpy()
