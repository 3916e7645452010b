import numpy as np
import pytest

from pulmo.models.quantiles import Examples, laplace_sd, uncross


def test_crossing_quantiles_are_put_in_order() -> None:
    assert uncross(np.array([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]])).tolist() == [[1, 2, 3], [1, 2, 3]]


def test_laplace_sd_of_known_quantiles() -> None:
    # A Laplace distribution about 0 with mean |x| = 100 has its 0.8 quantile at 100·ln 2.5, its sd is 100·√2.
    quantile = 91.629073
    assert laplace_sd(np.array([[-quantile, 0.0, quantile]])) == pytest.approx([141.421356])


def test_examples_are_taken_together() -> None:
    examples = Examples(np.arange(6.0).reshape(3, 2), np.arange(3.0), np.ones(3), np.arange(3), np.ones(3, bool))
    taken = examples.take(np.array([True, False, True]))
    assert taken.features.tolist() == [[0, 1], [4, 5]]
    assert taken.target.tolist() == [0, 2]
    assert len(taken.weight) == 2
