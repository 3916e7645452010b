"""Several models' quantiles of a change → one FVC and its Confidence; few constants, fitted by the metric.

Free weights do worse than equal ones on the competition's patients; so they are held towards equality.
"""

from typing import NamedTuple

import numpy as np

from pulmo.blending.simplex import fit_simplex
from pulmo.competitions.osic.confidence import Confidence, Errors, fit_confidence
from pulmo.models.quantiles import Examples
from pulmo.scoring.laplace import laplace_log_likelihood

ROUNDS = 3  # weights for a Confidence, Confidence for the weights; the second round already changes next to nothing
LEAST_SHARE_OF_BASELINE = 0.25
"""No forecast falls below this share of the first FVC, however late the week; among 140 real patients none did."""


class Forecast(NamedTuple):
    """FVC and Confidence of each row in ml, (rows,) both, finite and positive."""

    fvc_ml: np.ndarray
    confidence_ml: np.ndarray


class Asked(NamedTuple):
    """What is known of each row before it is forecast.

    Attributes:
        fvc_from_ml: the baseline's FVC, (rows,).
        gap_weeks: weeks from the baseline, (rows,); may be negative.
        features: as the models see them, (rows, columns), the time in column 0.
    """

    fvc_from_ml: np.ndarray
    gap_weeks: np.ndarray
    features: np.ndarray

    def take(self, rows: np.ndarray) -> "Asked":
        """Some of the rows."""
        return Asked(*(part[rows] for part in self))


class Penalties(NamedTuple):
    """What holds the ensemble back: see `config.toml`."""

    pull_to_equal: float
    confidence_penalty: float


class Ensemble(NamedTuple):
    """What is fitted: `weights` (models,), not negative and of sum 1, and the Confidence."""

    weights: np.ndarray
    confidence: Confidence

    def forecast(self, medians_ml: np.ndarray, asked: Asked) -> Forecast:
        """Forecast rows, from each model's median change since the baseline (models, rows)."""
        fvc_ml = forecast_fvc(asked.fvc_from_ml, self.weights @ medians_ml)
        return Forecast(fvc_ml, self.confidence.at(asked.gap_weeks, asked.features[:, 1:]))


def filled(values_ml: np.ndarray) -> np.ndarray:
    """What all models say, (models, rows, …); where one says nothing (NaN), it says what the others say on average.

    So a model that needs a scan has no say in a patient without one, and its weight is shared out equally.
    """
    return np.where(np.isnan(values_ml), np.nanmean(values_ml, axis=0), values_ml)


def forecast_fvc(fvc_from_ml: np.ndarray, change_ml: np.ndarray) -> np.ndarray:
    """A first FVC and a change, which may be extrapolated, → an FVC that a living patient can have; (rows,) each."""
    return np.maximum(fvc_from_ml + change_ml, LEAST_SHARE_OF_BASELINE * fvc_from_ml)


def fit_weights_and_confidence(medians_ml: np.ndarray, examples: Examples, penalties: Penalties) -> Ensemble:
    """Fit an ensemble to out-of-fold predictions by the competition's metric.

    Args:
        medians_ml: each model's median change, (models, rows).
        examples: from the baseline to each later visit, (rows,): the features, the change that was measured, who.
        penalties: what holds weights and Confidence back.
    """
    count, change_ml, gap_weeks = len(medians_ml), examples.target, examples.features[:, 0]
    weights = np.full(count, 1 / count)

    def confidence_of(weights: np.ndarray) -> Confidence:
        error_ml, columns = change_ml - weights @ medians_ml, examples.features[:, 1:]
        errors = Errors(error_ml, gap_weeks, columns, examples.group, examples.scored)
        return fit_confidence(errors, penalties.confidence_penalty)

    confidence = confidence_of(weights)
    for _ in range(ROUNDS):
        sigma = confidence.at(gap_weeks, examples.features[:, 1:])

        def loss(weights: np.ndarray, sigma: np.ndarray = sigma) -> float:
            pull = penalties.pull_to_equal * float(np.sum((weights - 1 / count) ** 2))
            return pull - float(laplace_log_likelihood(change_ml, weights @ medians_ml, sigma).mean())

        weights = fit_simplex(loss, count)
        confidence = confidence_of(weights)
    return Ensemble(weights, confidence)
