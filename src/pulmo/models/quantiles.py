"""Three quantiles that stand for a forecast's distribution, and their Laplace distribution."""

import math
from typing import NamedTuple, Protocol

import numpy as np

QUANTILES = (0.2, 0.5, 0.8)

LAPLACE_REACH = math.log(2.5)
"""Distance of the 0.2 and 0.8 quantiles from the median of a Laplace distribution, in units of its mean absolute
deviation b: ½·exp(−d/b) = 0.2. Its standard deviation is √2·b."""


class Examples(NamedTuple):
    """Training examples.

    Attributes:
        features: (rows, columns) float64, NaN where unknown.
        target: (rows,) float64.
        weight: (rows,) float64, positive; how much each row counts.
        group: (rows,) the patient of each row: rows of one patient are alike, so models are compared on other patients.
        scored: (rows,) bool, rows like those that will be scored; models are compared by these.
    """

    features: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    group: np.ndarray
    scored: np.ndarray

    def take(self, rows: np.ndarray) -> "Examples":
        """The examples that a mask or an array of row numbers chooses."""
        return Examples(*(part[rows] for part in self))


class QuantileModel(Protocol):
    """A fitted model of any family."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Features (rows, columns) → quantiles of the target (rows, 3), never crossing."""
        ...


def uncross(quantiles: np.ndarray) -> np.ndarray:
    """Put each row's quantiles (rows, 3) in order, which never makes them worse.

    Source: Chernozhukov, Fernández-Val and Galichon, Econometrica 2010; 78: 1093.
    """
    return np.sort(quantiles, axis=1)


def laplace_sd(quantiles: np.ndarray) -> np.ndarray:
    """Standard deviation (rows,) of the Laplace distribution with the outer two of these quantiles (rows, 3)."""
    mean_absolute_deviation = (quantiles[:, 2] - quantiles[:, 0]) / (2 * LAPLACE_REACH)
    return np.asarray(math.sqrt(2) * mean_absolute_deviation)
