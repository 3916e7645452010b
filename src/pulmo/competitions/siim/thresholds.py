"""From probabilities to a mask: is there air at all, and where does it end? Fitted by the competition's Dice.

A picture counts as positive if the network's head says so and enough pixels are likely enough; its outline is then
drawn at a lower threshold. What all thresholds would score follows from two histograms of each picture at full size, so
all combinations are tried. (The two thresholds and the least area are those of the competition's winner, A. Aimoldin.)
"""

from itertools import product
from typing import NamedTuple

import cv2
import numpy as np

from pulmo.scoring.dice import dice_from_areas

LEVELS = 256


class Thresholds(NamedTuple):
    """What makes a mask of probabilities.

    Attributes:
        high: how likely (0 to 1) a pixel must be to count as air at first.
        least_share: of the picture's pixels must be that, or nothing is said.
        low: how likely a pixel of the outline.
        gate: how likely the head must find any air; without a head, nothing is asked.
    """

    high: float
    least_share: float
    low: float
    gate: float


class Choices(NamedTuple):
    """What the thresholds may be; each a tuple."""

    high: tuple[float, ...]
    least_share: tuple[float, ...]
    low: tuple[float, ...]
    gate: tuple[float, ...]


class Evidence(NamedTuple):
    """What is known of pictures, and what a network says of them, at full size.

    Attributes:
        said: (pictures, LEVELS) int64: how many pixels are at least as likely as each level, a 255th.
        right: the same of the pixels that are air.
        true: (pictures,) int64, pixels of air.
        any: (pictures,) float, how likely there is any; NaN from a network without a head.
    """

    said: np.ndarray
    right: np.ndarray
    true: np.ndarray
    any: np.ndarray

    def take(self, which: np.ndarray) -> "Evidence":
        """Some of the pictures."""
        return Evidence(*(values[which] for values in self))


def counts_at_least(probability: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """One picture's (2, LEVELS) int64: pixels at least as likely as each level; those of them inside the mask.

    Args:
        probability: uint8 (rows, columns).
        mask: uint8 of the same shape, 0 or 1.
    """
    counts = [
        cv2.calcHist([probability], [0], where, [LEVELS], [0, LEVELS])
        .ravel()
        .astype(np.int64)  # exact below 2^24 pixels
        for where in (None, mask)
    ]
    return np.asarray(np.stack(counts)[:, ::-1].cumsum(axis=1)[:, ::-1])


def mask_of(probability: np.ndarray, anything: float, thresholds: Thresholds) -> np.ndarray:
    """One picture's mask, bool (rows, columns), from its probabilities, uint8 at full size, and its head's."""
    likely = np.count_nonzero(probability >= _level(thresholds.high))
    if anything < thresholds.gate or likely < _least(thresholds.least_share, probability.size):
        return np.zeros(probability.shape, bool)
    return np.asarray(probability >= _level(thresholds.low))


def dice_of(evidence: Evidence, thresholds: Thresholds) -> np.ndarray:
    """What each picture scores, (pictures,) float64."""
    drawn = _dice_where_drawn(evidence, thresholds.low)
    return np.asarray(np.where(_positive(evidence, thresholds), drawn, evidence.true == 0), np.float64)


def fit_thresholds(evidence: Evidence, choices: Choices) -> Thresholds:
    """The choice of highest mean Dice; of equals, the first."""
    tried, scores = try_thresholds(evidence, choices)
    return tried[int(np.argmax(scores))]


def try_thresholds(evidence: Evidence, choices: Choices) -> tuple[list[Thresholds], np.ndarray]:
    """Every choice, and the mean Dice of each, (choices,) float64."""
    empty = (evidence.true == 0).astype(np.float64)
    gains = np.stack([_dice_where_drawn(evidence, low) - empty for low in choices.low], axis=1)
    gates = list(product(choices.high, choices.least_share, choices.gate))
    positive = np.stack(
        [_positive(evidence, Thresholds(high, share, 0.0, gate)) for high, share, gate in gates]
    ).astype(np.float64)
    tried = [Thresholds(high, share, low, gate) for (high, share, gate), low in product(gates, choices.low)]
    return tried, empty.mean() + (positive @ gains).ravel() / len(empty)


def _positive(evidence: Evidence, thresholds: Thresholds) -> np.ndarray:
    pixels = evidence.said[:, 0]
    likely = evidence.said[:, _level(thresholds.high)]
    return ~(evidence.any < thresholds.gate) & (likely >= _least(thresholds.least_share, pixels))


def _dice_where_drawn(evidence: Evidence, low: float) -> np.ndarray:
    level = _level(low)
    return dice_from_areas(evidence.right[:, level], evidence.said[:, level], evidence.true)


def _least(share: float, pixels: "np.ndarray | int") -> np.ndarray:
    """At least one pixel, or nothing would be said to be something."""
    return np.asarray(np.maximum(np.ceil(np.multiply(share, pixels)), 1))


def _level(probability: float) -> int:
    return round((LEVELS - 1) * probability)
