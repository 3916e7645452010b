"""Several models' quantiles of a change → one FVC and its Confidence; few constants, fitted by the metric.

The Confidence is σ = a + b·|weeks from the baseline|. Terms for the models' own spread or disagreement, the size of the
FVC or the predicted loss, and a free power of the time, were each tried out of fold on the competition's patients: none
won. Nor did free weights, which do worse than equal ones there; so they are held towards equality.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize, nnls

from pulmo.blending.simplex import fit_simplex
from pulmo.scoring.laplace import LARGEST_ERROR_ML, SMALLEST_CONFIDENCE_ML, laplace_log_likelihood

ROUNDS = 3  # weights for a Confidence, Confidence for the weights; the second round already changes next to nothing
LEAST_SHARE_OF_BASELINE = 0.25
"""No forecast falls below this share of the first FVC, however late the week; among 140 real patients none did."""


class Confidence(NamedTuple):
    """The standard deviation of an FVC, ml: `at_baseline_ml` + `ml_per_week`·|weeks from the baseline|."""

    at_baseline_ml: float
    ml_per_week: float

    def at(self, gap_weeks: np.ndarray) -> np.ndarray:
        """For weeks from the baseline, of any shape and sign."""
        return np.asarray(self.at_baseline_ml + self.ml_per_week * np.abs(gap_weeks))


class Forecast(NamedTuple):
    """FVC and Confidence of each row in ml, (rows,) both, finite and positive."""

    fvc_ml: np.ndarray
    confidence_ml: np.ndarray


class Ensemble(NamedTuple):
    """What is fitted: `weights` (models,), not negative and of sum 1, and the Confidence."""

    weights: np.ndarray
    confidence: Confidence

    def forecast(self, medians_ml: np.ndarray, fvc_from_ml: np.ndarray, gap_weeks: np.ndarray) -> Forecast:
        """Forecast rows.

        Args:
            medians_ml: each model's median change since the baseline, (models, rows).
            fvc_from_ml: the baseline's FVC, (rows,).
            gap_weeks: weeks from the baseline, (rows,); may be negative.
        """
        return Forecast(forecast_fvc(fvc_from_ml, self.weights @ medians_ml), self.confidence.at(gap_weeks))


def filled(values_ml: np.ndarray) -> np.ndarray:
    """What all models say, (models, rows, …); where one says nothing (NaN), it says what the others say on average.

    So a model that needs a scan has no say in a patient without one, and its weight is shared out equally.
    """
    return np.where(np.isnan(values_ml), np.nanmean(values_ml, axis=0), values_ml)


def forecast_fvc(fvc_from_ml: np.ndarray, change_ml: np.ndarray) -> np.ndarray:
    """A first FVC and a change, which may be extrapolated, → an FVC that a living patient can have; (rows,) each."""
    return np.maximum(fvc_from_ml + change_ml, LEAST_SHARE_OF_BASELINE * fvc_from_ml)


def fit_weights_and_confidence(
    medians_ml: np.ndarray, change_ml: np.ndarray, gap_weeks: np.ndarray, pull_to_equal: float
) -> Ensemble:
    """Fit an ensemble to out-of-fold predictions by the competition's metric.

    Args:
        medians_ml: each model's median change, (models, rows).
        change_ml: the change that was measured, (rows,).
        gap_weeks: weeks from the baseline, (rows,).
        pull_to_equal: loss added for the squared distance of the weights from equal ones.
    """
    count = len(medians_ml)
    weights = np.full(count, 1 / count)
    confidence = fit_confidence(change_ml - weights @ medians_ml, gap_weeks)
    for _ in range(ROUNDS):
        sigma = confidence.at(gap_weeks)

        def loss(weights: np.ndarray, sigma: np.ndarray = sigma) -> float:
            pull = pull_to_equal * float(np.sum((weights - 1 / count) ** 2))
            return pull - float(laplace_log_likelihood(change_ml, weights @ medians_ml, sigma).mean())

        weights = fit_simplex(loss, count)
        confidence = fit_confidence(change_ml - weights @ medians_ml, gap_weeks)
    return Ensemble(weights, confidence)


def fit_confidence(error_ml: np.ndarray, gap_weeks: np.ndarray) -> Confidence:
    """The Confidence that scores best on these errors (rows,) at these weeks from the baseline (rows,).

    Where it does not depend on time, σ = √2·mean|error| is the optimum of the Laplace likelihood, so a line through
    √2·|error| is where the search starts.
    """
    weeks = np.abs(gap_weeks)
    wide = math.sqrt(2) * np.minimum(np.abs(error_ml), LARGEST_ERROR_ML)
    (start, slope), _ = nnls(np.column_stack([np.ones_like(weeks), weeks]), wide)
    start = max(start, SMALLEST_CONFIDENCE_ML)

    def loss(line: np.ndarray) -> float:
        return -float(laplace_log_likelihood(error_ml, np.zeros_like(error_ml), line[0] + line[1] * weeks).mean())

    found = minimize(
        loss,
        (start, slope),
        method="Nelder-Mead",
        bounds=[(SMALLEST_CONFIDENCE_ML, None), (0, None)],
        options={
            "initial_simplex": [(start, slope), (1.2 * start, slope), (start, slope + 1)],
            "xatol": 1e-4,
            "fatol": 1e-9,
        },
    )
    return Confidence(float(found.x[0]), float(found.x[1]))
