"""Gradient-boosted trees for three quantiles: LightGBM with the pinball loss, one booster a quantile."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pulmo.models.quantiles import QUANTILES, Examples, uncross

if TYPE_CHECKING:
    import lightgbm

# LightGBM only where trees are grown: settings and networks are used where it is not installed.


class GbmParameters(NamedTuple):
    """LightGBM's own parameters, by its own names; `num_threads` is fixed because sums depend on their order."""

    num_iterations: int
    learning_rate: float
    num_leaves: int
    min_data_in_leaf: int
    feature_fraction: float
    bagging_fraction: float
    lambda_l2: float
    num_threads: int


class QuantileGbm(NamedTuple):
    """One fitted booster for each of QUANTILES."""

    boosters: tuple["lightgbm.Booster", ...]

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Features (rows, columns), NaN where unknown → quantiles (rows, 3), never crossing."""
        return uncross(np.column_stack([booster.predict(features) for booster in self.boosters]))


def fit_quantile_gbm(examples: Examples, parameters: GbmParameters, seed: int) -> QuantileGbm:
    """Fit the boosters; the same examples, parameters and seed give the same trees, bit for bit."""
    return QuantileGbm(tuple(_fit_booster(examples, parameters, seed, quantile) for quantile in QUANTILES))


def _fit_booster(examples: Examples, parameters: GbmParameters, seed: int, quantile: float) -> "lightgbm.Booster":
    import lightgbm

    settings = {
        **parameters._asdict(),
        "objective": "quantile",
        "alpha": quantile,
        "bagging_freq": 1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    rows = lightgbm.Dataset(examples.features, examples.target, weight=examples.weight, params={"verbosity": -1})
    return lightgbm.train(settings, rows, num_boost_round=parameters.num_iterations)
