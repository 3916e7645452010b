import math
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pulmo.models.segmentation_losses import SegmentationLoss, Terms

# Two pixels of four are covered; half of one of them is seen, and a quarter of one that is not.
TARGET = np.array([[[255, 255], [0, 0]]], np.uint8)
SAID = np.array([[[1.0, 0.5], [0.25, 0.0]]], np.float32)


def loss_of(terms: Terms, target: np.ndarray, found: np.ndarray, there: np.ndarray | None = None) -> np.ndarray:
    prediction: dict[str, Any] = {"mask": found} if there is None else {"mask": found, "presence": there}
    loss = SegmentationLoss(terms).call(np.asarray(target, np.float32), prediction)
    return np.asarray(keras.ops.convert_to_numpy(loss))


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (Terms(cross_entropy=1), (math.log(2) - math.log(0.75)) / 4),
        (Terms(focal=1), (math.log(2) / 4 - math.log(0.75) / 16) / 4),
        (Terms(focal=1, focal_gamma=1), (math.log(2) / 2 - math.log(0.75) / 4) / 4),
        (Terms(dice=1), 1 - (2 * 1.5 + 1) / (2 + 1.75 + 1)),
        (Terms(iou=1), 1 - (1.5 + 1) / (2.25 + 1)),
        (Terms(dice=2, iou=3), 2 * 0.75 / 4.75 + 3 * 0.75 / 3.25),
    ],
)
def test_terms_by_hand(terms: Terms, expected: float) -> None:
    assert loss_of(terms, TARGET, SAID).item() == pytest.approx(expected, abs=1e-5)


def test_the_head_learns_whether_there_is_anything() -> None:
    target = np.zeros((3, 2, 2), np.uint8)
    target[1, 0, 0] = 1  # as little of a pixel as can be found
    loss = loss_of(
        Terms(presence=2), target, np.full((3, 2, 2), 0.5, np.float32), np.array([0.25, 0.25, 0.5], np.float32)
    )
    np.testing.assert_allclose(loss, -2 * np.log([0.75, 0.25, 0.5]), rtol=1e-5)


def test_each_image_counts_by_itself() -> None:
    terms = Terms(1, 1, 1, 1)
    both = loss_of(terms, np.concatenate([TARGET, 0 * TARGET]), np.concatenate([SAID, SAID]))
    np.testing.assert_allclose(both[:1], loss_of(terms, TARGET, SAID))
    np.testing.assert_allclose(both[1:], loss_of(terms, 0 * TARGET, SAID))


@settings(max_examples=30)
@given(arrays(np.uint8, (1, 3, 3)), arrays(np.float32, (1, 3, 3), elements=st.floats(0.0, 1.0, width=32)))
def test_nothing_is_better_than_the_target_itself(target: np.ndarray, found: np.ndarray) -> None:
    perfect = (target / 255).astype(np.float32)
    for terms in (Terms(cross_entropy=1), Terms(focal=1), Terms(dice=1), Terms(iou=1)):
        best, other = loss_of(terms, target, perfect).item(), loss_of(terms, target, found).item()
        assert best <= other + 1e-5
        assert 0 <= other < 20


def test_large_images_in_half_precision_are_summed_in_full() -> None:
    target, found = np.full((1, 512, 512), 255, np.uint8), keras.ops.ones((1, 512, 512), "float16")
    loss = SegmentationLoss(Terms(dice=1, iou=1, cross_entropy=1))(target, {"mask": found})
    assert keras.ops.convert_to_numpy(loss).item() == pytest.approx(0, abs=1e-5)


def test_it_is_kept_with_its_terms() -> None:
    loss = SegmentationLoss(Terms(1, 2, 3, 4, 5, 6))
    assert SegmentationLoss.from_config(loss.get_config()).terms == Terms(1, 2, 3, 4, 5, 6)
