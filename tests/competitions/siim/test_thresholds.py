"""Thresholds by histograms against masks drawn and counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulmo.competitions.siim.fit_ensemble import cross_fit
from pulmo.competitions.siim.thresholds import (
    Choices,
    PixelCounts,
    Thresholds,
    counts_at_least,
    dice_of,
    fit_thresholds,
    mask_of,
    try_thresholds,
)

CHOICES = Choices(
    presence_threshold=(0.3, 0.6, 0.9),
    min_area_fraction=(0.0, 0.05),
    mask_threshold=(0.1, 0.4),
    classifier_threshold=(0.0, 0.5),
)


def pictures(seed: int, count: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities uint8, true masks, heads; some masks are empty."""
    rng = np.random.default_rng(seed)
    said = rng.integers(0, 256, (count, 9, 7)).astype(np.uint8)
    true = (rng.random((count, 9, 7)) < rng.choice([0, 0.3], count)[:, None, None]).astype(np.uint8)
    return said, true, rng.random(count)


def counts_of(said: np.ndarray, true: np.ndarray, anything: np.ndarray) -> PixelCounts:
    counts = np.array([counts_at_least(one, mask) for one, mask in zip(said, true, strict=True)])
    return PixelCounts(counts[:, 0], counts[:, 1], true.sum(axis=(1, 2)), anything)


def dice_by_hand(mask: np.ndarray, true: np.ndarray) -> float:
    both = int(mask.sum()) + int(true.sum())
    return 2 * int((mask & true.astype(bool)).sum()) / both if both else 1.0


def test_a_mask_needs_enough_likely_pixels_and_a_head_that_agrees() -> None:
    said = np.array([[255, 200, 100], [90, 0, 0]], np.uint8)
    assert mask_of(said, 1.0, Thresholds(0.7, 0.3, 0.35, 0.5)).tolist() == [[True] * 3, [True, False, False]]
    assert not mask_of(said, 1.0, Thresholds(0.7, 0.4, 0.35, 0.5)).any()
    assert not mask_of(said, 0.4, Thresholds(0.7, 0.3, 0.35, 0.5)).any()
    assert mask_of(said, float("nan"), Thresholds(0.7, 0.3, 0.35, 0.5)).any()
    assert not mask_of(np.zeros((2, 2), np.uint8), 1.0, Thresholds(0.7, 0.0, 0.35, 0.0)).any()


@given(
    st.integers(0, 2**32),
    st.sampled_from(CHOICES.presence_threshold),
    st.sampled_from(CHOICES.mask_threshold),
    st.booleans(),
)
def test_histograms_know_what_any_mask_scores(seed: int, high: float, low: float, strict: bool) -> None:
    said, true, anything = pictures(seed)
    thresholds = Thresholds(high, 0.05 if strict else 0.0, low, 0.5 if strict else 0.0)
    drawn = [mask_of(*one, thresholds) for one in zip(said, anything, strict=True)]
    expected = [dice_by_hand(mask, truth) for mask, truth in zip(drawn, true, strict=True)]
    assert dice_of(counts_of(said, true, anything), thresholds) == pytest.approx(expected)


@given(st.integers(0, 2**32))
def test_the_fit_is_the_best_of_all_choices(seed: int) -> None:
    known = counts_of(*pictures(seed))
    every = [
        Thresholds(high, share, low, gate)
        for high in CHOICES.presence_threshold
        for share in CHOICES.min_area_fraction
        for low in CHOICES.mask_threshold
        for gate in CHOICES.classifier_threshold
    ]
    best = max(dice_of(known, thresholds).mean() for thresholds in every)
    assert dice_of(known, fit_thresholds(known, CHOICES)).mean() == pytest.approx(best)


def test_a_fold_is_scored_by_thresholds_of_the_others() -> None:
    said, true, anything = pictures(0, count=40)
    known, fold = counts_of(said, true, anything), np.arange(40) % 4
    scores = cross_fit(known, fold, CHOICES)
    others = fit_thresholds(known.take(fold != 2), CHOICES)
    assert scores[fold == 2].tolist() == dice_of(known.take(fold == 2), others).tolist()
    turned = counts_of(said, np.where((fold == 2)[:, None, None], 1 - true, true), anything)
    assert cross_fit(turned, fold, CHOICES)[fold == 2].tolist() == dice_of(turned.take(fold == 2), others).tolist()


def test_every_choice_is_told_with_what_it_scores() -> None:
    known = counts_of(*pictures(3))
    tried, scores = try_thresholds(known, CHOICES)
    assert len(set(tried)) == 3 * 2 * 2 * 2
    assert scores == pytest.approx([dice_of(known, thresholds).mean() for thresholds in tried])
