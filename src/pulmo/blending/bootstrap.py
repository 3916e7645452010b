"""How sure is a mean over rows that come in groups? Groups (patients) are drawn again, never single rows."""

from typing import NamedTuple

import numpy as np

DRAWS = 2000


class Estimate(NamedTuple):
    """A mean, its standard error, and the interval from `low` to `high` that holds 95 % of the means drawn."""

    mean: float
    standard_error: float
    low: float
    high: float


def bootstrap_mean(values: np.ndarray, groups: np.ndarray, seed: int = 0, draws: int = DRAWS) -> Estimate:
    """Mean over rows, with its bootstrap standard error over groups.

    For a paired comparison, give the rows' differences.

    Args:
        values: (rows,) float64.
        groups: (rows,) the group of each row.
        seed: of the drawing.
        draws: how often the groups are drawn.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 6; clusters: Field and Welsh, J R Stat
    Soc B 2007; 69: 369.
    """
    _, group_of_row = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(group_of_row, values), np.bincount(group_of_row)
    chosen = np.random.default_rng(seed).integers(len(sizes), size=(draws, len(sizes)))
    means = sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Estimate(float(np.mean(values)), float(np.std(means, ddof=1)), float(low), float(high))
