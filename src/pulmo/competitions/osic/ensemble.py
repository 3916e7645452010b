"""Several models' quantiles of a change → one FVC and its Confidence; few constants, fitted by the metric.

Free weights do worse than equal ones on the competition's patients; so they are held towards equality.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.blending.simplex import fit_simplex
from pulmo.competitions.osic.confidence import Confidence, ConfidencePrior, Errors, fit_confidence
from pulmo.scoring.laplace import laplace_log_likelihood

ROUNDS = 3  # weights for a Confidence, Confidence for the weights; the second round already changes next to nothing
LEAST_SHARE_OF_BASELINE = 0.25
"""No forecast falls below this share of the first FVC, however late the week; among 140 real patients none did."""


class Forecast(NamedTuple):
    """FVC and Confidence of each row in ml, (rows,) both, finite and positive."""

    fvc_ml: np.ndarray
    confidence_ml: np.ndarray


class Penalties(NamedTuple):
    """What holds the ensemble back: see `config.toml`."""

    equal_weight_penalty: float
    confidence: ConfidencePrior


class Ensemble(NamedTuple):
    """What is fitted: `weights` (models,), not negative and of sum 1, and the Confidence."""

    weights: np.ndarray
    confidence: Confidence

    def forecast(self, medians_ml: np.ndarray, pairs: pd.DataFrame) -> Forecast:
        """Forecast the later visits of pairs (rows,), known or only requested.

        Args:
            medians_ml: each model's median change since the baseline, (models, rows).
            pairs: `fvc_from_ml`, `gap_weeks` (which may be negative) and `male`.
        """
        fvc_from_ml, gap_weeks, male = (pairs[name].to_numpy() for name in ("fvc_from_ml", "gap_weeks", "male"))
        return Forecast(forecast_fvc(fvc_from_ml, self.weights @ medians_ml), self.confidence.at(gap_weeks, male))


def filled(values_ml: np.ndarray) -> np.ndarray:
    """What all models say, (models, rows, …); where one says nothing (NaN), it says what the others say on average.

    So a model that needs a scan has no say in a patient without one, and its weight is shared out equally.
    """
    return np.where(np.isnan(values_ml), np.nanmean(values_ml, axis=0), values_ml)


def forecast_fvc(fvc_from_ml: np.ndarray, change_ml: np.ndarray) -> np.ndarray:
    """A first FVC and a change, which may be extrapolated, → an FVC that a living patient can have; (rows,) each."""
    return np.asarray(np.maximum(fvc_from_ml + change_ml, LEAST_SHARE_OF_BASELINE * fvc_from_ml))


def fit_weights_and_confidence(medians_ml: np.ndarray, pairs: pd.DataFrame, penalties: Penalties) -> Ensemble:
    """Fit an ensemble to out-of-fold predictions by the competition's metric.

    Args:
        medians_ml: each model's median change, (models, rows).
        pairs: the visit pairs that they are of, (rows,), from the baseline.
        penalties: what holds weights and Confidence back.
    """
    count = len(medians_ml)
    change_ml, gap_weeks, male = (pairs[name].to_numpy() for name in ("change_ml", "gap_weeks", "male"))
    weights = np.full(count, 1 / count)

    def confidence_of(weights: np.ndarray) -> Confidence:
        return fit_confidence(Errors(change_ml - weights @ medians_ml, gap_weeks, male), penalties.confidence)

    confidence = confidence_of(weights)
    for _ in range(ROUNDS):
        sigma = confidence.at(gap_weeks, male)

        def loss(weights: np.ndarray, sigma: np.ndarray = sigma) -> float:
            pull = penalties.equal_weight_penalty * float(np.sum((weights - 1 / count) ** 2))
            return pull - float(laplace_log_likelihood(change_ml, weights @ medians_ml, sigma).mean())

        weights = fit_simplex(loss, count)
        confidence = confidence_of(weights)
    return Ensemble(weights, confidence)
