"""Weights that are not negative and sum to one, fitted for any loss, smooth or not."""

from collections.abc import Callable
from itertools import permutations

import numpy as np

FIRST_STEP = 0.25
LAST_STEP = 1 / 512


def fit_simplex(loss: Callable[[np.ndarray], float], count: int, start: np.ndarray | None = None) -> np.ndarray:
    """Weights of least loss by pairwise exchange: move a share from one member to another while that lowers the loss,
    then halve the share.

    It needs no derivative, so it works for metrics with clips and thresholds; the loss never rises. On a convex loss it
    ends near the optimum; on others, at a point that no exchange improves.

    Args:
        loss: weights (count,) → a number; smaller is better.
        count: number of members.
        start: weights (count,) to start from; by default equal ones.

    Returns:
        Weights (count,), exact to about 1/512.
    """
    weights = np.full(count, 1 / count) if start is None else start
    least = loss(weights)
    step = FIRST_STEP
    while step >= LAST_STEP:
        moved = False
        for giver, taker in permutations(range(count), 2):
            share = min(step, weights[giver])
            if share <= 0:
                continue
            changed = weights.copy()
            changed[giver] -= share
            changed[taker] += share
            now = loss(changed)
            if now < least:
                weights, least, moved = changed, now, True
        if not moved:
            step /= 2
    return weights
