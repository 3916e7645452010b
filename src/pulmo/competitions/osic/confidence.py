"""How far off may a forecast be? A Confidence that grows with time and is wider for some patients than for others.

σ = (a + b·|weeks from the baseline|)·exp(f·z). Of the columns z that describe a patient at most one is meant to matter,
and which is left open: each has its own fit, and the f of all are averaged by how likely those fits found patients that
they had not seen. Terms for the models' own spread or disagreement, several columns at once, and a free power of the
time were each tried out of fold: none won (see benchmarks/osic.md).
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize, nnls

from pulmo.models.robust_linear import Standardisation, standardise
from pulmo.models.soft_choice import judged_by_others, shares
from pulmo.scoring.laplace import LARGEST_ERROR_ML, SMALLEST_CONFIDENCE_ML, laplace_log_likelihood

STEPS = np.array([100.0, 1.0, 0.1])
"""The size of a, b and f, so that the search takes steps of like size in each."""
MOST_LOG_FACTOR = 1.0


class Errors(NamedTuple):
    """What a Confidence is fitted to, a row a later visit.

    Attributes:
        error_ml: (rows,) what was measured minus what was forecast by models that had not seen the patient.
        gap_weeks: (rows,) from the baseline, of any sign.
        columns: (rows, columns) what is known of the patient, NaN where unknown.
        patient: (rows,).
        scored: (rows,) bool, by which of them the columns are judged.
    """

    error_ml: np.ndarray
    gap_weeks: np.ndarray
    columns: np.ndarray
    patient: np.ndarray
    scored: np.ndarray


class Confidence(NamedTuple):
    """The standard deviation of an FVC, ml.

    Attributes:
        at_baseline_ml, ml_per_week: for a patient whose columns are all at their mean.
        standardisation: of the columns.
        log_factor: (columns,) by how much one standard deviation more of a column widens it, as a logarithm.
    """

    at_baseline_ml: float
    ml_per_week: float
    standardisation: Standardisation
    log_factor: np.ndarray

    def at(self, gap_weeks: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """For weeks from the baseline, of any sign (rows,), and patients' columns (rows, columns)."""
        line = self.at_baseline_ml + self.ml_per_week * np.abs(gap_weeks)
        return np.asarray(line * np.exp(self.standardisation.apply(columns) @ self.log_factor))


def fit_confidence(errors: Errors, penalty: float) -> Confidence:
    """The Confidence that scores best on these errors.

    Args:
        errors: of forecasts out of fold.
        penalty: of a column's squared logarithm.
    """
    standardisation = standardise(errors.columns)
    columns = standardisation.apply(errors.columns)
    weeks = np.abs(errors.gap_weeks)
    error_ml = np.minimum(np.abs(errors.error_ml), LARGEST_ERROR_ML)
    nothing = np.zeros(len(weeks))
    candidates = [nothing, *columns.T]
    likelihood = [judged_by_others(errors.patient, partial(_judge, error_ml, weeks, z, penalty)) for z in candidates]
    share = shares(np.stack(likelihood), errors.scored, errors.patient)[1:]
    log_factor = share * [_fit(error_ml, weeks, column, penalty)[2] for column in columns.T]
    factor = np.exp(columns @ log_factor)
    at_baseline, per_week, _ = _fit(error_ml, weeks, nothing, penalty, factor)
    return Confidence(at_baseline, per_week, standardisation, log_factor)


def _judge(
    error_ml: np.ndarray, weeks: np.ndarray, column: np.ndarray, penalty: float, known: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    at_baseline, per_week, log_factor = _fit(error_ml[known], weeks[known], column[known], penalty)
    sigma = (at_baseline + per_week * weeks[asked]) * np.exp(log_factor * column[asked])
    return laplace_log_likelihood(error_ml[asked], np.zeros(asked.sum()), sigma)


def _fit(
    error_ml: np.ndarray, weeks: np.ndarray, column: np.ndarray, penalty: float, factor: float | np.ndarray = 1.0
) -> tuple[float, float, float]:
    """a, b and f of σ = (a + b·weeks)·exp(f·column)·factor, of most likelihood less the penalty.

    Where σ depends on nothing, √2·mean|error| is the optimum of the Laplace likelihood, so a line through √2·|error| is
    where the search starts.
    """
    wide = math.sqrt(2) * error_ml / factor
    (start, slope), _ = nnls(np.column_stack([np.ones_like(weeks), weeks]), wide)
    start = max(start, SMALLEST_CONFIDENCE_ML)

    def loss(steps: np.ndarray) -> tuple[float, np.ndarray]:
        values = steps * STEPS
        line = values[0] + values[1] * weeks
        sigma = line * np.exp(values[2] * column) * factor
        free = sigma > SMALLEST_CONFIDENCE_ML
        sigma = np.maximum(sigma, SMALLEST_CONFIDENCE_ML)
        ratio = math.sqrt(2) * error_ml / sigma
        by_log_sigma = np.where(free, 1 - ratio, 0.0)
        total = np.mean(ratio + np.log(sigma)) + 0.5 * penalty * values[2] ** 2
        by_line = by_log_sigma / line
        by_factor = (by_log_sigma * column).mean() + penalty * values[2]
        return float(total), np.array([by_line.mean(), (by_line * weeks).mean(), by_factor]) * STEPS

    bounds = [
        (SMALLEST_CONFIDENCE_ML / STEPS[0], None),
        (0, None),
        (-MOST_LOG_FACTOR / STEPS[2], MOST_LOG_FACTOR / STEPS[2]),
    ]
    begin = np.array([start, slope, 0.0]) / STEPS
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-9})
    at_baseline, per_week, log_factor = found.x * STEPS
    return float(at_baseline), float(per_week), float(log_factor)
