"""Sure networks made as sure as they are right: one temperature, fitted on predictions of rows held out."""

import numpy as np
from scipy.optimize import minimize_scalar

from pulmo.models.logits import sigmoid

COLDEST, HOTTEST = 0.02, 50.0
"""Between these the temperature is looked for."""


def calibrated(logits: np.ndarray, temperature: float, prior_logit: float = 0.0) -> np.ndarray:
    """Probabilities: logits over the temperature, and the log odds that hold before anything is seen."""
    return sigmoid(np.asarray(logits) / temperature + prior_logit)


def fit_temperature(logits: np.ndarray, label: np.ndarray, prior_logit: float = 0.0) -> float:
    """The temperature of least log loss.

    Args:
        logits: of rows that the network has not seen, (rows,).
        label: 0 or 1, (rows,).
        prior_logit: log odds of a 1 among all rows, where the network was trained with equal weights of classes (its
            logits are then those of a balanced world); else 0.

    Returns:
        A temperature above 1 where the network was too sure, below 1 where it was not sure enough. The labels are taken
        as a little less than certain, so that rows told apart without a mistake do not make it infinitely sure.

    Source: Guo et al., ICML 2017 (temperature); Platt, Advances in Large Margin Classifiers 1999 (uncertain labels).
    """
    truth = np.asarray(label) == 1
    positives, negatives = truth.sum(), (~truth).sum()
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(log_temperature: float) -> float:
        odds = np.asarray(logits) / np.exp(log_temperature) + prior_logit
        return float(np.mean(np.logaddexp(0.0, odds) - target * odds))

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))
