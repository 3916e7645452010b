"""Temperature scaling of held-out logits."""

import numpy as np
from scipy.optimize import minimize_scalar

from pulmo.models.logits import sigmoid

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.02, 50.0
"""Bounds of the temperature."""


def calibrated(logits: np.ndarray, temperature: float, prior_logit: float = 0.0) -> np.ndarray:
    """Probabilities: logits over the temperature, plus the prior log odds."""
    return sigmoid(np.asarray(logits) / temperature + prior_logit)


def fit_temperature(logits: np.ndarray, label: np.ndarray, prior_logit: float = 0.0) -> float:
    """The temperature of least log loss.

    Args:
        logits: of rows that the network was not trained on, (rows,).
        label: 0 or 1, (rows,).
        prior_logit: log odds of a 1 among all rows, where the network was trained with equal weights of classes (its
            logits are then those of balanced classes); else 0.

    Returns:
        A temperature above 1 where the network is overconfident, below 1 where it is underconfident. Labels are
        smoothed a little, so that rows which are separated without an error do not give temperature 0.

    Source: Guo et al., ICML 2017 (temperature); Platt, Advances in Large Margin Classifiers 1999 (uncertain labels).
    """
    truth = np.asarray(label) == 1
    positives, negatives = truth.sum(), (~truth).sum()
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(log_temperature: float) -> float:
        odds = np.asarray(logits) / np.exp(log_temperature) + prior_logit
        return float(np.mean(np.logaddexp(0.0, odds) - target * odds))

    found = minimize_scalar(
        loss, bounds=(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))
