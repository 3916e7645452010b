"""How far off may a forecast be? A Confidence that grows with time and is wider for men, whose lungs are larger.

σ = (a + b·|weeks from the baseline|)·exp(c·(male − 0.8)). All three are held towards what is usual: a = 200 ml and
b = 2 ml, which the competition's solutions settled on, and c = 0. Fitted freely to a hundred patients, a and b do worse
than if left alone; terms for other columns, for the models' own spread or disagreement, and a free power of the time
win nothing either (see benchmarks/osic.md).
"""

import math
from typing import NamedTuple

import numpy as np

from pulmo.scoring.laplace import LARGEST_ERROR_ML, SMALLEST_CONFIDENCE_ML

USUAL_ML, USUAL_ML_A_WEEK = 200.0, 2.0
SHARE_OF_MEN = 0.8
"""Among patients with pulmonary fibrosis; so a and b are those of the average patient."""
FARTHEST = 6.0
"""From what is usual, as a logarithm: with it, b is next to nothing."""


class Errors(NamedTuple):
    """What a Confidence is fitted to, a row a later visit.

    Attributes:
        error_ml: (rows,) what was measured minus what was forecast by models that had not seen the patient.
        gap_weeks: (rows,) from the baseline, of any sign.
        male: (rows,) 1 or 0.
    """

    error_ml: np.ndarray
    gap_weeks: np.ndarray
    male: np.ndarray


class Confidence(NamedTuple):
    """The standard deviation of an FVC, ml: a, b and c above."""

    at_baseline_ml: float
    ml_per_week: float
    log_factor_of_sex: float

    def at(self, gap_weeks: np.ndarray, male: np.ndarray) -> np.ndarray:
        """For weeks from the baseline, of any sign, and men (1) or women (0); both of one shape."""
        line = self.at_baseline_ml + self.ml_per_week * np.abs(gap_weeks)
        return np.asarray(line * np.exp(self.log_factor_of_sex * (male - SHARE_OF_MEN)))


class ConfidencePrior(NamedTuple):
    """The penalties of squared logarithms: of a over 200 ml and b over 2 ml, and of the factor of sex."""

    to_usual: float
    sex: float


def fit_confidence(errors: Errors, hold: ConfidencePrior) -> Confidence:
    """The Confidence that scores best on these errors, out of fold, less the penalties."""
    from scipy.optimize import minimize  # loaded here: every command imports this module, and few fit models

    weeks = np.abs(errors.gap_weeks)
    error_ml = np.minimum(np.abs(errors.error_ml), LARGEST_ERROR_ML)
    sex = errors.male - SHARE_OF_MEN
    penalty = np.array([hold.to_usual, hold.to_usual, hold.sex])

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        at_baseline, growth = USUAL_ML * math.exp(logs[0]), USUAL_ML_A_WEEK * math.exp(logs[1]) * weeks
        line = at_baseline + growth
        unclipped = line * np.exp(logs[2] * sex)
        sigma = np.maximum(unclipped, SMALLEST_CONFIDENCE_ML)
        ratio = math.sqrt(2) * error_ml / sigma
        by_log_sigma = np.where(unclipped > SMALLEST_CONFIDENCE_ML, 1 - ratio, 0.0)
        by_log = [np.mean(by_log_sigma * part) for part in (at_baseline / line, growth / line, sex)]
        return float(np.mean(ratio + np.log(sigma)) + 0.5 * penalty @ logs**2), by_log + penalty * logs

    bounds = [(-FARTHEST, FARTHEST)] * 3
    options = {"ftol": 1e-13, "gtol": 1e-9}
    logs = minimize(loss, np.zeros(3), jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    return Confidence(USUAL_ML * math.exp(logs[0]), USUAL_ML_A_WEEK * math.exp(logs[1]), float(logs[2]))
