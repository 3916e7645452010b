"""Cluster bootstrap: the standard error of a statistic over rows that come in groups, such as a patient's images.

Groups are drawn again with replacement, never single rows. Source: Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, chapter 6; clusters: Field and Welsh, J R Stat Soc B 2007; 69: 369.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

DRAWS = 2000
_PERCENT = (2.5, 97.5)

Statistic = Callable[[np.ndarray], float]
"""Numbers of rows, (drawn,) int, some of them several times → a number; NaN where it is undefined for these rows."""


class Estimate(NamedTuple):
    """A statistic of all rows, its standard error, and the 95 % interval from `low` to `high` (percentiles)."""

    value: float
    standard_error: float
    low: float
    high: float


class Comparison(NamedTuple):
    """A model's score, and its gain on another's: score minus score, paired, with the error of that difference."""

    score: Estimate
    gain: Estimate


def bootstrap(statistic: Statistic, groups: np.ndarray, seed: int = 0, draws: int = DRAWS) -> Estimate:
    """Any statistic (an AUC, a log loss, a mean precision) with its bootstrap error over groups.

    For a mean over rows `bootstrap_mean` gives the same in a hundredth of the time.

    Args:
        statistic: of rows; it reads their values itself, as in `lambda rows: auc(label[rows], probability[rows])`.
        groups: the group of each row, (rows,).
        seed: of the draws.
        draws: their number. Those for which the statistic is undefined are left out.
    """
    clusters, rng = _Clusters(groups), np.random.default_rng(seed)
    drawn = np.array([statistic(clusters.draw(rng)) for _ in range(draws)])
    return _estimate(statistic(np.arange(len(groups))), drawn)


def bootstrap_mean(values: np.ndarray, groups: np.ndarray, seed: int = 0, draws: int = DRAWS) -> Estimate:
    """The mean over rows with its bootstrap error over groups; of the same draws as `bootstrap`.

    Args:
        values: (rows,) float64; for a paired comparison, the rows' differences.
        groups: the group of each row, (rows,).
        seed: of the draws.
        draws: their number.
    """
    _, group_of_row = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(group_of_row, values), np.bincount(group_of_row)
    chosen = np.random.default_rng(seed).integers(len(sizes), size=(draws, len(sizes)))
    return _estimate(float(np.mean(values)), sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1))


def paired_gain(
    statistic: Statistic, reference: Statistic, groups: np.ndarray, seed: int = 0, draws: int = DRAWS
) -> Estimate:
    """By how much a statistic exceeds another of the same rows, with the bootstrap error of the difference.

    Args:
        statistic: of one model's rows, see `bootstrap`.
        reference: of the other's.
        groups: the group of each row, (rows,).
        seed: of the draws.
        draws: their number.
    """
    return bootstrap(lambda rows: statistic(rows) - reference(rows), groups, seed, draws)


def compare_means(scores: np.ndarray, reference: np.ndarray, groups: np.ndarray) -> Comparison:
    """The mean score of one model, and its paired gain on another's.

    Args:
        scores: of each row, (rows,) float64.
        reference: the other model's, of the same rows.
        groups: the group of each row, (rows,).
    """
    return Comparison(bootstrap_mean(scores, groups), bootstrap_mean(scores - reference, groups))


def paired_mean_gain(
    scores: np.ndarray, reference: np.ndarray, groups: np.ndarray, seed: int = 0, draws: int = DRAWS
) -> Estimate:
    """By how much the mean of one model's scores exceeds another's of the same rows, with the error of the difference.

    As `paired_gain` of two means, in a hundredth of the time; each mean is over the rows that count for its model.

    Args:
        scores: of each row, (rows,) float64; NaN where it does not count.
        reference: the other model's.
        groups: the group of each row, (rows,).
        seed: of the draws.
        draws: their number.
    """
    _, group_of_row = np.unique(groups, return_inverse=True)
    counts = [~np.isnan(values) for values in (scores, reference)]
    columns = [np.where(counts[0], scores, 0.0), counts[0], np.where(counts[1], reference, 0.0), counts[1]]
    sums = np.stack([np.bincount(group_of_row, column) for column in columns], axis=1)
    rng = np.random.default_rng(seed)
    drawn = np.array([_times_drawn(rng, len(sums)) @ sums for _ in range(draws)])
    every = sums.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw without a row that counts is left out
        gains = drawn[:, 0] / drawn[:, 1] - drawn[:, 2] / drawn[:, 3]
        return _estimate(float(every[0] / every[1] - every[2] / every[3]), gains)


def _times_drawn(rng: np.random.Generator, groups: int) -> np.ndarray:
    """How often each of so many groups is drawn, (groups,), when as many are drawn with replacement."""
    return np.bincount(rng.integers(groups, size=groups), minlength=groups)


class _Clusters:
    """Rows in order of their groups, so that those of drawn groups are gathered without a loop."""

    def __init__(self, groups: np.ndarray) -> None:
        _, group_of_row, self._sizes = np.unique(groups, return_inverse=True, return_counts=True)
        self._rows = np.argsort(group_of_row, kind="stable")
        self._starts = np.cumsum(self._sizes) - self._sizes

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """The rows of as many groups as there are, drawn with replacement, (drawn,) int."""
        chosen = rng.integers(len(self._sizes), size=len(self._sizes))
        sizes = self._sizes[chosen]
        ends = np.cumsum(sizes)
        return np.asarray(self._rows[np.repeat(self._starts[chosen] - ends + sizes, sizes) + np.arange(ends[-1])])


def _estimate(value: float, drawn: np.ndarray) -> Estimate:
    known = drawn[~np.isnan(drawn)]
    if len(known) < 2:
        return Estimate(value, np.nan, np.nan, np.nan)
    low, high = np.percentile(known, _PERCENT)
    return Estimate(value, float(np.std(known, ddof=1)), float(low), float(high))
