"""Blends of submission files fitted honestly: weights from one half of the groups, judged on the other half."""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.blending.simplex import fit_simplex


class BlendFit(NamedTuple):
    """What the fit found.

    Attributes:
        weights: (files,), none negative, their sum 1; fitted on the first half.
        first, second: the scores on each half, (files + 1,): each file's, then the blend's. Only the second half's
            say anything about the blend.
    """

    weights: np.ndarray
    first: np.ndarray
    second: np.ndarray


def half_of(group: str) -> int:
    """Which half a group (a patient, an image) is in: 0 or 1, by its name alone, so the same in every run."""
    return hashlib.sha256(group.encode()).digest()[0] & 1


def fit_blend(
    tables: Sequence[pd.DataFrame],
    blend: Callable[[Sequence[pd.DataFrame], Sequence[float]], pd.DataFrame],
    score: Callable[[pd.DataFrame, int], float],
) -> BlendFit:
    """Fit weights for the score on the first half; on it, the blend is never worse than its best file.

    Args:
        tables: the submissions.
        blend: tables and weights → the combined submission.
        score: a submission and a half (0 or 1) → its score there; greater is better.
    """

    def scores(weights: Sequence[float], half: int) -> np.ndarray:
        return np.array([score(table, half) for table in (*tables, blend(tables, weights))])

    fitted = fit_simplex(lambda weights: -score(blend(tables, weights.tolist()), 0), len(tables))
    # An exchange may end where no single step helps: a file alone may still be better.
    candidates = [fitted.tolist(), *np.eye(len(tables)).tolist()]
    weights = max(candidates, key=lambda candidate: score(blend(tables, candidate), 0))
    return BlendFit(np.array(weights), scores(weights, 0), scores(weights, 1))
