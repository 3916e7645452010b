"""The OSIC metric: a modified Laplace log likelihood of an FVC and its standard deviation.

σ = max(Confidence, 70), Δ = min(|FVC − prediction|, 1000), and each row scores −√2·Δ/σ − ln(√2·σ); the score is the
mean, at most −ln(70·√2) = −4.595069. Source: the evaluation page of Kaggle's OSIC Pulmonary Fibrosis Progression (the
report prints √(2Δ), which is a slip).
"""

import numpy as np

SMALLEST_CONFIDENCE_ML = 70.0
LARGEST_ERROR_ML = 1000.0


def laplace_log_likelihood(fvc_true_ml: np.ndarray, fvc_ml: np.ndarray, confidence_ml: np.ndarray) -> np.ndarray:
    """The log likelihood of each row.

    Args:
        fvc_true_ml: measured forced vital capacities, any shape.
        fvc_ml: predictions, of the same shape (or one that broadcasts to it).
        confidence_ml: predicted standard deviations, likewise.

    Returns:
        The score of each row, in the common shape; greater is better, −4.595069 is the best there is.
    """
    sigma = np.maximum(confidence_ml, SMALLEST_CONFIDENCE_ML)
    error = np.minimum(np.abs(np.subtract(fvc_true_ml, fvc_ml)), LARGEST_ERROR_ML)
    return np.asarray(-np.sqrt(2.0) * error / sigma - np.log(np.sqrt(2.0) * sigma))
