"""Linear models of a change over time that outliers cannot bend: Huber, elastic net and quantile regression.

All three become the same thing, one linear map from features to three quantiles. With t the time gone by in years and
z the other features (medians where unknown, standardised), the terms are 1, t, t·z and z: a rate of change that differs
between patients, and what happens at once (a first measurement that was too high falls back, whatever the time).
"""

import warnings
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import nnls
from sklearn.linear_model import ElasticNet, HuberRegressor, QuantileRegressor

from pulmo.models.quantiles import LAPLACE_REACH, QUANTILES, Examples, uncross

WEEKS_A_YEAR = 52.0
MOST_ITERATIONS = 5000
HELD_BETWEEN_PERCENTILES = (2, 98)

Kind = Literal["huber", "elastic_net", "quantile"]
KINDS: tuple[Kind, ...] = ("huber", "elastic_net", "quantile")


class LinearParameters(NamedTuple):
    """Penalties as scikit-learn means them, for a target of standard deviation 1; `huber_epsilon` is where
    squares become absolute values, in robust standard deviations."""

    huber_epsilon: float
    huber_alpha: float
    elastic_net_alpha: float
    elastic_net_l1_ratio: float
    quantile_alpha: float


class Standardisation(NamedTuple):
    """How the other features are put on one scale: `median` where unknown, held between `low` and `high` (a failed
    measurement may be anything), minus `mean`, over `sd`; each (columns,)."""

    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Values (rows, columns), NaN where unknown → standardised, none of them NaN."""
        known = np.where(np.isnan(values), self.median, values)
        return np.asarray((np.clip(known, self.low, self.high) - self.mean) / self.sd)


class LinearQuantiles(NamedTuple):
    """A fitted model: `intercepts` (3,) and `coefficients` (3, terms) in the target's unit, a row for each quantile."""

    standardisation: Standardisation
    intercepts: np.ndarray
    coefficients: np.ndarray

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Features (rows, columns), weeks gone by in column 0 → quantiles (rows, 3), never crossing."""
        return uncross(self.intercepts + _terms(features, self.standardisation) @ self.coefficients.T)


def fit_robust_linear(examples: Examples, kind: Kind, parameters: LinearParameters) -> LinearQuantiles:
    """Fit one of KINDS.

    Args:
        examples: column 0 of the features is the time gone by in weeks, and is never unknown.
        kind: Huber and elastic net give a centre, and their spread is that of a Laplace distribution whose mean
            absolute deviation grows linearly with time; quantile regression gives each quantile by itself.
        parameters: penalties.
    """
    standardisation = _standardise(examples.features[:, 1:])
    terms = _terms(examples.features, standardisation)
    scale = float(np.std(examples.target)) or 1.0
    target = examples.target / scale
    weight = examples.weight / examples.weight.mean()
    if kind == "quantile":
        lines = [_fit(_quantile(parameters, quantile), terms, target, weight) for quantile in QUANTILES]
        intercepts, coefficients = (np.array(part) for part in zip(*lines, strict=True))
    else:
        centre = _fit(_huber(parameters) if kind == "huber" else _elastic_net(parameters), terms, target, weight)
        intercepts, coefficients = _with_spread(centre, terms, target, weight)
    return LinearQuantiles(standardisation, intercepts * scale, coefficients * scale)


def _standardise(values: np.ndarray) -> Standardisation:
    known = np.where(np.isnan(values).all(axis=0), 0.0, values)  # a column of which nothing is known says nothing
    median, low, high = np.nanpercentile(known, (50, *HELD_BETWEEN_PERCENTILES), axis=0)
    held = np.clip(np.where(np.isnan(known), median, known), low, high)
    sd = held.std(axis=0)
    return Standardisation(median, low, high, held.mean(axis=0), np.where(sd > 0, sd, 1.0))


def _terms(features: np.ndarray, standardisation: Standardisation) -> np.ndarray:
    years = features[:, :1] / WEEKS_A_YEAR
    others = standardisation.apply(features[:, 1:])
    return np.hstack([years, years * others, others])


def _huber(parameters: LinearParameters) -> HuberRegressor:
    return HuberRegressor(epsilon=parameters.huber_epsilon, alpha=parameters.huber_alpha, max_iter=MOST_ITERATIONS)


def _elastic_net(parameters: LinearParameters) -> ElasticNet:
    return ElasticNet(
        alpha=parameters.elastic_net_alpha, l1_ratio=parameters.elastic_net_l1_ratio, max_iter=MOST_ITERATIONS
    )


def _quantile(parameters: LinearParameters, quantile: float) -> QuantileRegressor:
    return QuantileRegressor(quantile=quantile, alpha=parameters.quantile_alpha, solver="highs")


def _fit(
    regressor: HuberRegressor | ElasticNet | QuantileRegressor,
    terms: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
) -> tuple[float, np.ndarray]:
    with warnings.catch_warnings():
        # scikit-learn 1.6, Kaggle's, still gives SciPy an option that later SciPy warns of.
        warnings.filterwarnings("ignore", "scipy.optimize: The `disp`", DeprecationWarning)
        regressor.fit(terms, target, sample_weight=weight)
    return float(regressor.intercept_), np.asarray(regressor.coef_, np.float64)


def _with_spread(
    centre: tuple[float, np.ndarray], terms: np.ndarray, target: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The centre with outer quantiles beside it: mean |residual| = s₀ + s₁·years, neither of them negative."""
    intercept, coefficients = centre
    residual = np.abs(target - intercept - terms @ coefficients)
    root = np.sqrt(weight)
    line = np.column_stack([np.ones(len(terms)), terms[:, 0]])
    (at_once, per_year), _ = nnls(line * root[:, None], residual * root)
    reach = np.array([-LAPLACE_REACH, 0.0, LAPLACE_REACH])
    spread = np.zeros((3, len(coefficients)))
    spread[:, 0] = reach * per_year
    return intercept + reach * at_once, coefficients + spread
