"""What a probability is worth beside its log loss: AUC, accuracy, the four cells of a confusion matrix."""

import math
from typing import NamedTuple

import numpy as np

THRESHOLD = 0.5
_STANDARD_ERRORS = 1.959964  # of a 95 % interval


class Confusion(NamedTuple):
    """How many rows are truly positive and called so, and so on."""

    true_positive: int
    false_negative: int
    false_positive: int
    true_negative: int


def auc(label: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half.

    Args:
        label: 0 or 1, (rows,).
        score: any number that grows with the probability, (rows,).

    Returns:
        0 … 1; NaN where all labels are the same. Source: Hanley and McNeil, Radiology 1982; 143: 29.
    """
    positive = np.asarray(label) == 1
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return math.nan
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    middle_rank = np.cumsum(count) - (count - 1) / 2
    ranks = middle_rank[place][positive].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))


def auc_error(label: np.ndarray, score: np.ndarray) -> float:
    """Standard error of `auc`, rows being independent; NaN where all labels are the same.

    Source: Hanley and McNeil, Radiology 1982; 143: 29, whose Q1 and Q2 are those of exponential scores.
    """
    area, positives = auc(label, score), int(np.sum(np.asarray(label) == 1))
    negatives = len(label) - positives
    if math.isnan(area):
        return math.nan
    two_positives, two_negatives = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area)
    variance += (positives - 1) * (two_positives - area**2) + (negatives - 1) * (two_negatives - area**2)
    return math.sqrt(max(variance, 0.0) / (positives * negatives))


def roc_curve(label: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates, (points,) each, from (0, 0) to (1, 1), a point for each distinct score."""
    order = np.argsort(-np.asarray(score), kind="stable")
    positive = (np.asarray(label) == 1)[order]
    last_of_its_score = np.append(np.diff(np.asarray(score)[order]) != 0, True)
    rates = [np.cumsum(hits)[last_of_its_score] / max(1, hits.sum()) for hits in (~positive, positive)]
    return np.append(0.0, rates[0]), np.append(0.0, rates[1])


def accuracy(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Whether each row is called what it is, bool, at a threshold of one half (which calls positive)."""
    return np.asarray((np.asarray(probability) >= THRESHOLD) == (np.asarray(label) == 1))


def confusion(label: np.ndarray, probability: np.ndarray) -> Confusion:
    """Counts at a threshold of one half; (rows,) each."""
    truth, called = np.asarray(label) == 1, np.asarray(probability) >= THRESHOLD
    return Confusion(
        int((truth & called).sum()),
        int((truth & ~called).sum()),
        int((~truth & called).sum()),
        int((~truth & ~called).sum()),
    )


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share of independent rows; all of it where there is no row.

    Source: Wilson, J Am Stat Assoc 1927; 22: 209.
    """
    if not count:
        return 0.0, 1.0
    share, z = hits / count, _STANDARD_ERRORS
    middle = share + z**2 / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    below, above = ((middle + way * half) / (1 + z**2 / count) for way in (-1, 1))
    return max(0.0, below), min(1.0, above)
