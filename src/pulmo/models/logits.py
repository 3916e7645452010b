"""Probabilities ↔ log odds."""

import numpy as np


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Log odds → probabilities, any shape, without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -np.asarray(logits, np.float64))))


def logit(probability: np.ndarray, clip: float) -> np.ndarray:
    """Probabilities, clipped to `clip` … 1 − `clip`, → log odds, any shape."""
    clipped = np.clip(probability, clip, 1 - clip)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))
