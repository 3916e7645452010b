"""Blends of submission files: weights and parameters fitted on one half of the patients, scored on the other."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.blending.parameters import defaults_of
from pulmo.blending.simplex import fit_simplex
from pulmo.protocols import BlendParameter

Blend = Callable[..., pd.DataFrame]
"""`blend(tables, weights, **parameters)`: submissions, a weight each, a value of each parameter → the combined one."""
Score = Callable[[pd.DataFrame, int], float]
"""A submission and a half (0 or 1) → its score there; greater is better."""


class BlendFit(NamedTuple):
    """What the fit found.

    Attributes:
        weights: (files,), none negative, their sum 1; fitted on the first half, as are the parameters.
        parameters: the value of each, by name.
        first, second: the scores on each half, (files + 1,): each file's, then the blend's. Only those of the second
            half are estimates for the blend.
    """

    weights: np.ndarray
    parameters: dict[str, float]
    first: np.ndarray
    second: np.ndarray


def holdout_half(patient: str) -> int:
    """Which half a patient is in: 0 or 1, by the id alone, so the same in every run."""
    return hashlib.sha256(patient.encode()).digest()[0] & 1


def fit_blend(
    halves: Sequence[Sequence[pd.DataFrame]], blend: Blend, score: Score, parameters: Mapping[str, BlendParameter]
) -> BlendFit:
    """Fit weights and parameters for the score on the first half; on it, the blend is never worse than its best file.

    Coordinate searches from the best file alone and from equal weights, each with the parameters at their defaults:
    in turn, each parameter takes the best of its candidates, and the weights are exchanged, until neither helps. Where
    both end alike, the one from the single file counts, so that a file that adds nothing gets no weight.

    Args:
        halves: the first halves of the submissions, one or more of them; and their second halves.
        blend: how they are combined.
        score: how the result is judged.
        parameters: what `blend` takes besides weights; may be empty.
    """
    first, second = halves
    search = _CoordinateSearch(first, blend, score, parameters)
    alone = np.array([score(table, 0) for table in first])
    starts = [np.eye(len(first))[np.argmax(alone)], np.full(len(first), 1 / len(first))]
    reached, weights, values = max((search.from_(start) for start in starts), key=lambda end: end[0])
    judged = [*second, blend(second, weights.tolist(), **values)]
    return BlendFit(weights, values, np.array([*alone, reached]), np.array([score(table, 1) for table in judged]))


class _CoordinateSearch:
    """The search on the first half; the score never falls."""

    def __init__(
        self, tables: Sequence[pd.DataFrame], blend: Blend, score: Score, parameters: Mapping[str, BlendParameter]
    ) -> None:
        self._tables, self._blend, self._score, self._parameters = tables, blend, score, parameters
        self._known: dict[tuple[float, ...], float] = {}

    def from_(self, weights: np.ndarray) -> tuple[float, np.ndarray, dict[str, float]]:
        """The score, weights and parameters reached from these weights."""
        values = defaults_of(self._parameters)
        reached, before = self._at(weights, values), -np.inf
        while reached > before:
            before = reached
            for name, parameter in self._parameters.items():
                tried = [self._at(weights, {**values, name: value}) for value in parameter.candidates]
                if tried and max(tried) > reached:
                    reached, values = max(tried), {**values, name: parameter.candidates[int(np.argmax(tried))]}
            weights = fit_simplex(self._loss_with(values), len(self._tables), weights)
            reached = self._at(weights, values)
        return reached, weights, values

    def _loss_with(self, values: Mapping[str, float]) -> Callable[[np.ndarray], float]:
        return lambda weights: -self._at(weights, values)

    def _at(self, weights: np.ndarray, values: Mapping[str, float]) -> float:
        point = (*weights.tolist(), *values.values())
        if point not in self._known:  # a search meets most of its points several times
            self._known[point] = self._score(self._blend(self._tables, weights.tolist(), **values), 0)
        return self._known[point]
