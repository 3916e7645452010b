"""Lines: the public notebooks' first steps, and the linear models that did best on OSIC's patients."""

import numpy as np
import pandas as pd
from sklearn.linear_model import ElasticNet, HuberRegressor, LinearRegression, Ridge

from osic_peer_models.rows import Forecast, from_baseline, fvc_to, standardised, terms

CONSTANT_CONFIDENCE_ML = 225.0


def constant(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """The first FVC, carried forward."""
    return Forecast(asked["fvc_from_ml"].to_numpy(), np.full(len(asked), CONSTANT_CONFIDENCE_ML))


def population_decay(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """The first FVC and everybody's least-squares slope."""
    start = from_baseline(learned)
    slope = (start["gap_weeks"] * start["change_ml"]).sum() / (start["gap_weeks"] ** 2).sum()
    fvc_ml = (asked["fvc_from_ml"] + slope * asked["gap_weeks"]).to_numpy()
    return Forecast(fvc_ml, np.full(len(asked), CONSTANT_CONFIDENCE_ML))


def linear_regression(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Least squares on the FVC itself, from the first visit's numbers and the weeks since."""
    start = from_baseline(learned)
    seen, questions = standardised(start, asked, ["gap_weeks", *columns])
    fvc_ml = LinearRegression().fit(seen, fvc_to(start)).predict(questions)
    return Forecast(fvc_ml, np.full(len(asked), CONSTANT_CONFIDENCE_ML))


def ridge(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Ridge of penalty 1000 on the change since the first visit."""
    return _on_change(Ridge(alpha=1000.0), from_baseline(learned), asked, columns)


def elastic_net(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Elastic net on the change since the first visit, scikit-learn's usual l1_ratio; the target in litres · 10."""
    return _on_change(ElasticNet(alpha=0.05, l1_ratio=0.5), from_baseline(learned), asked, columns)


def huber(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Huber regression on the change from every visit to every later one."""
    return _on_change(HuberRegressor(epsilon=1.35, alpha=1.0, max_iter=5000), learned, asked, columns)


def three_linear(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """The mean of ridge, elastic net and Huber."""
    parts = [fit(learned, asked, columns, seed) for fit in (ridge, elastic_net, huber)]
    return Forecast(np.mean([part.fvc_ml for part in parts], axis=0), _growing(asked))


def _on_change(
    model: Ridge | ElasticNet | HuberRegressor, learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str]
) -> Forecast:
    seen, questions = terms(learned, asked, columns)
    change = learned["change_ml"].to_numpy()
    scale = change.std()
    change_ml = model.fit(seen, change / scale).predict(questions) * scale
    return Forecast(asked["fvc_from_ml"].to_numpy() + change_ml, _growing(asked))


def _growing(asked: pd.DataFrame) -> np.ndarray:
    return 200.0 + 2.0 * asked["gap_weeks"].to_numpy()
