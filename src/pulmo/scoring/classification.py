"""The AUC and its error, and the interval of a share.

scikit-learn's `roc_auc_score` gives the same AUC; it is written out here because `scoring` imports NumPy and pandas
alone, so that `pulmo NAME score` starts at once, and because an AUC of one class is NaN here and no warning.
"""

import math

import numpy as np

_STANDARD_ERRORS = 1.959964  # of a 95 % interval


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


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share of independent rows; all of it where there is no row.

    Source: Wilson, J Am Stat Assoc 1927; 22: 209.
    """
    if not count:
        return 0.0, 1.0
    share, z = hits / count, _STANDARD_ERRORS
    middle = share + z**2 / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    below, above = ((middle + sign * half) / (1 + z**2 / count) for sign in (-1, 1))
    return max(0.0, below), min(1.0, above)
