"""From probabilities to a mask: thresholds of presence and of the mask, fitted by the competition's Dice.

An image is positive if the presence head's probability and the area of probable pixels reach their thresholds; its
mask is then cut at a lower threshold. The score of all thresholds follows from two histograms of each image at full
size, so all combinations are tried. (The two thresholds and the minimum area are those of the competition's winner,
A. Aimoldin.)
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
        presence_threshold: pixels of at least this probability (0 to 1) count towards the area.
        min_area_fraction: they must be at least this share of the image, or the mask is empty.
        mask_threshold: pixels of at least this probability are the mask.
        classifier_threshold: the presence head's probability must be at least this, or the mask is empty; networks
            without the head are not tested.
    """

    presence_threshold: float
    min_area_fraction: float
    mask_threshold: float
    classifier_threshold: float


class Choices(NamedTuple):
    """The values to try of each threshold, a tuple each."""

    presence_threshold: tuple[float, ...]
    min_area_fraction: tuple[float, ...]
    mask_threshold: tuple[float, ...]
    classifier_threshold: tuple[float, ...]


class PixelCounts(NamedTuple):
    """Predictions and truth of images at full size, counted by probability.

    Attributes:
        predicted: (images, LEVELS) int64: the pixels of at least each probability, in 255ths.
        true_positive: the same of the pixels inside the true mask.
        true: (images,) int64, pixels of the true mask.
        presence: (images,) float, the predicted probability of any pneumothorax; NaN from networks without the head.
    """

    predicted: np.ndarray
    true_positive: np.ndarray
    true: np.ndarray
    presence: np.ndarray

    def take(self, which: np.ndarray) -> "PixelCounts":
        """Some of the images."""
        return PixelCounts(*(values[which] for values in self))


def counts_at_least(probability: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """One image's (2, LEVELS) int64: pixels of at least each probability; those of them inside the mask.

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


def mask_of(probability: np.ndarray, presence: float, thresholds: Thresholds) -> np.ndarray:
    """One image's mask, bool (rows, columns), from its probabilities, uint8 at full size, and its presence."""
    area = np.count_nonzero(probability >= _level(thresholds.presence_threshold))
    too_small = area < _min_pixels(thresholds.min_area_fraction, probability.size)
    if presence < thresholds.classifier_threshold or too_small:
        return np.zeros(probability.shape, bool)
    return np.asarray(probability >= _level(thresholds.mask_threshold))


def dice_of(counts: PixelCounts, thresholds: Thresholds) -> np.ndarray:
    """Dice of each image, (images,) float64."""
    dice = _dice_of_masks(counts, thresholds.mask_threshold)
    return np.asarray(np.where(_positive(counts, thresholds), dice, counts.true == 0), np.float64)


def fit_thresholds(counts: PixelCounts, choices: Choices) -> Thresholds:
    """The choice of highest mean Dice; of equals, the first."""
    tried, scores = try_thresholds(counts, choices)
    return tried[int(np.argmax(scores))]


def try_thresholds(counts: PixelCounts, choices: Choices) -> tuple[list[Thresholds], np.ndarray]:
    """Every combination, and the mean Dice of each, (combinations,) float64."""
    empty = (counts.true == 0).astype(np.float64)
    gains = np.stack([_dice_of_masks(counts, cut) - empty for cut in choices.mask_threshold], axis=1)
    gates = list(product(choices.presence_threshold, choices.min_area_fraction, choices.classifier_threshold))
    positive = np.stack(
        [_positive(counts, Thresholds(pixel, area, 0.0, presence)) for pixel, area, presence in gates]
    ).astype(np.float64)
    tried = [
        Thresholds(pixel, area, mask, presence)
        for (pixel, area, presence), mask in product(gates, choices.mask_threshold)
    ]
    return tried, empty.mean() + (positive @ gains).ravel() / len(empty)


def _positive(counts: PixelCounts, thresholds: Thresholds) -> np.ndarray:
    pixels = counts.predicted[:, 0]
    area = counts.predicted[:, _level(thresholds.presence_threshold)]
    large = area >= _min_pixels(thresholds.min_area_fraction, pixels)
    return ~(counts.presence < thresholds.classifier_threshold) & large


def _dice_of_masks(counts: PixelCounts, mask_threshold: float) -> np.ndarray:
    level = _level(mask_threshold)
    return dice_from_areas(counts.true_positive[:, level], counts.predicted[:, level], counts.true)


def _min_pixels(fraction: float, pixels: "np.ndarray | int") -> np.ndarray:
    """At least one pixel, so that an image without any probable pixel is empty."""
    return np.asarray(np.maximum(np.ceil(np.multiply(fraction, pixels)), 1))


def _level(probability: float) -> int:
    return round((LEVELS - 1) * probability)
