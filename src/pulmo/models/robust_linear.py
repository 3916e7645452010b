"""Linear models of a change over time that few patients cannot bend: Huber, elastic net and averaged lines.

All three become the same thing, one linear map from features to three quantiles. With t the time gone by in years and
z the other features (medians where unknown, standardised), the terms are 1, t, t·z and z: a rate of change that differs
between patients, and what happens at once (a first measurement that was too high falls back, whatever the time).
"""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from pulmo.errors import DivergedError
from pulmo.models.averaged_lines import WEEKS_A_YEAR, AveragedLine, Changes, fit_averaged_line
from pulmo.models.quantiles import LAPLACE_REACH, Examples, uncross

if TYPE_CHECKING:  # loaded where models are fitted: every command imports this, and scikit-learn takes half a second
    from sklearn.linear_model import ElasticNet, HuberRegressor

MOST_ITERATIONS = 5000
HELD_BETWEEN_PERCENTILES = (2, 98)

Kind = Literal["huber", "elastic_net", "lines"]
KINDS: tuple[Kind, ...] = ("huber", "elastic_net", "lines")


class LinearParameters(NamedTuple):
    """Penalties as scikit-learn (and `averaged_lines`) means them, for a target of standard deviation 1;
    `huber_epsilon` is where squares become absolute values, in robust standard deviations."""

    huber_epsilon: float
    huber_alpha: float
    elastic_net_alpha: float
    elastic_net_l1_ratio: float
    lines_penalty: float


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

    def as_lists(self) -> dict[str, list[float]]:
        """For JSON."""
        return {name: array.tolist() for name, array in self._asdict().items()}

    @classmethod
    def of_lists(cls, lists: Mapping[str, list[float]]) -> "Standardisation":
        """From what `as_lists` gave."""
        return cls(**{name: np.array(values) for name, values in lists.items()})


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
        kind: how the centre is fitted; the spread is that of a Laplace distribution whose mean absolute deviation grows
            linearly with time.
        parameters: penalties.

    Raises:
        DivergedError: no finite coefficients were found.
    """
    standardisation = standardise(examples.features[:, 1:])
    terms = _terms(examples.features, standardisation)
    scale = float(np.std(examples.target)) or 1.0
    target = examples.target / scale
    weight = examples.weight / examples.weight.mean()
    if kind == "lines":
        weeks, columns = examples.features[:, 0], standardisation.apply(examples.features[:, 1:])
        changes = Changes(weeks, columns, target, weight, examples.group, examples.scored)
        centre = _as_centre(fit_averaged_line(changes, parameters.lines_penalty))
    else:
        try:
            centre = _fit(_huber(parameters) if kind == "huber" else _elastic_net(parameters), terms, target, weight)
        except ValueError as error:  # scikit-learn's, where the optimizer ends without a solution
            raise DivergedError.of(f"linear model {kind}", str(error)) from None
    if not np.isfinite([centre[0], *centre[1]]).all():
        raise DivergedError.of(f"linear model {kind}", "a coefficient is not finite")
    intercepts, coefficients = _with_spread(centre, terms, target, weight)
    return LinearQuantiles(standardisation, intercepts * scale, coefficients * scale)


def standardise(values: np.ndarray) -> Standardisation:
    """The scale of values (rows, columns), NaN where unknown."""
    known = np.where(np.isnan(values).all(axis=0), 0.0, values)  # a column without any known value has no effect
    median, low, high = np.nanpercentile(known, (50, *HELD_BETWEEN_PERCENTILES), axis=0)
    held = np.clip(np.where(np.isnan(known), median, known), low, high)
    sd = held.std(axis=0)
    return Standardisation(median, low, high, held.mean(axis=0), np.where(sd > 0, sd, 1.0))


def _terms(features: np.ndarray, standardisation: Standardisation) -> np.ndarray:
    years = features[:, :1] / WEEKS_A_YEAR
    others = standardisation.apply(features[:, 1:])
    return np.hstack([years, years * others, others])


def _huber(parameters: LinearParameters) -> "HuberRegressor":
    from sklearn.linear_model import HuberRegressor

    return HuberRegressor(epsilon=parameters.huber_epsilon, alpha=parameters.huber_alpha, max_iter=MOST_ITERATIONS)


def _elastic_net(parameters: LinearParameters) -> "ElasticNet":
    from sklearn.linear_model import ElasticNet

    return ElasticNet(
        alpha=parameters.elastic_net_alpha, l1_ratio=parameters.elastic_net_l1_ratio, max_iter=MOST_ITERATIONS
    )


def _as_centre(line: AveragedLine) -> tuple[float, np.ndarray]:
    by_column = line.per_year_by_column
    return line.intercept, np.concatenate([[line.per_year], by_column, np.zeros_like(by_column)])


def _fit(
    regressor: "HuberRegressor | ElasticNet", terms: np.ndarray, target: np.ndarray, weight: np.ndarray
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
    from scipy.optimize import nnls

    intercept, coefficients = centre
    residual = np.abs(target - intercept - terms @ coefficients)
    root = np.sqrt(weight)
    line = np.column_stack([np.ones(len(terms)), terms[:, 0]])
    (at_once, per_year), _ = nnls(line * root[:, None], residual * root)
    reach = np.array([-LAPLACE_REACH, 0.0, LAPLACE_REACH])
    spread = np.zeros((3, len(coefficients)))
    spread[:, 0] = reach * per_year
    return intercept + reach * at_once, coefficients + spread
