"""Log odds of known probabilities."""

import numpy as np
import pytest

from pulmo.models.logits import logit, sigmoid


def test_known_values() -> None:
    # Odds of 1:1, 3:1 and 1:3.
    assert sigmoid(np.array([0.0, np.log(3), -np.log(3)])) == pytest.approx([0.5, 0.75, 0.25], rel=1e-15)
    assert logit(np.array([0.5, 0.75, 0.25]), 1e-6) == pytest.approx([0.0, np.log(3), -np.log(3)], rel=1e-15)


def test_extremes_neither_overflow_nor_are_infinite() -> None:
    with np.errstate(all="raise", under="ignore"):
        assert sigmoid(np.array([-1000.0, 1000.0])).tolist() == [0.0, 1.0]
        # Clipped to 1/4 … 3/4.
        assert logit(np.array([0.0, 1.0]), 0.25) == pytest.approx([-np.log(3), np.log(3)], rel=1e-15)


def test_the_small_ones_keep_their_digits() -> None:
    """float32 is widened first: 1 − 1e-10 would be 1."""
    assert sigmoid(np.array([-23.0], np.float32)) == pytest.approx(np.exp(-23.0), rel=1e-9)
    assert logit(np.array([1e-12]), 1e-15) == pytest.approx(np.log(1e-12), rel=1e-11)
