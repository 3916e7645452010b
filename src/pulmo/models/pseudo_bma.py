"""Pseudo-BMA weights of several models, from the log likelihood of held-out groups."""

from collections.abc import Callable, Iterator

import numpy as np

FOLDS = 4


def shares(likelihood: np.ndarray, weight: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The share of each model.

    Args:
        likelihood: log likelihood of each row by a model that was not fitted to its group, (models, rows).
        weight: how much each row counts within its group, (rows,); of every group at least one does.
        group: (rows,); the rows of a group are alike, so that a group, however many rows it has, counts once.

    Returns:
        (models,), of sum 1, in proportion to exp(sum over groups of the mean log likelihood).

    Source: pseudo-BMA, Yao, Vehtari, Simpson and Gelman, Bayesian Analysis 2018; 13: 917.
    """
    _, number = np.unique(group, return_inverse=True)
    size = np.bincount(number, weight)
    total = np.array([np.sum(np.bincount(number, weight * rows) / size) for rows in likelihood])
    share = np.exp(total - total.max())
    return np.asarray(share / share.sum())


def judged_by_others(group: np.ndarray, judge: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """The log likelihood of each row (rows,) by a fit to other groups.

    Args:
        group: (rows,); dealt into FOLDS folds in the order of their names, so that equal groups give equal folds.
        judge: rows to fit to, rows to judge (both (rows,) bool) → log likelihood of the latter.
    """
    likelihood = np.empty(len(group))
    for held_out in _parts(group):
        likelihood[held_out] = judge(~held_out, held_out)
    return likelihood


def _parts(group: np.ndarray) -> Iterator[np.ndarray]:
    _, number = np.unique(group, return_inverse=True)
    for fold in range(min(FOLDS, int(np.max(number)) + 1)):
        yield number % FOLDS == fold
