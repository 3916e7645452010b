import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from pulmo.scoring.classification import auc, auc_error, wilson_interval

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(-5, 5)), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("label", "score", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),  # of four pairs, one is the wrong way round
        ([0, 1], [0.5, 0.5], 0.5),
        ([0, 0, 1], [0.2, 0.7, 0.7], 0.75),
        ([1, 0], [1, 0], 1.0),
        ([1, 0], [0, 1], 0.0),
    ],
)
def test_auc_by_hand(label: list[int], score: list[float], expected: float) -> None:
    assert auc(np.array(label), np.array(score)) == pytest.approx(expected)


def test_auc_of_one_class_is_unknown() -> None:
    assert math.isnan(auc(np.ones(3), np.arange(3)))


@given(ROWS)
def test_auc_is_the_share_of_pairs_in_order_and_scikit_learn_s(rows: list[tuple[int, int]]) -> None:
    label, score = (np.array(column) for column in zip(*rows, strict=True))
    positive, negative = score[label == 1], score[label == 0]
    if not len(positive) or not len(negative):
        return
    differences = positive[:, None] - negative[None, :]
    pairs = float(np.mean((differences > 0) + 0.5 * (differences == 0)))
    assert auc(label, score) == pytest.approx(pairs)
    assert auc(label, score) == pytest.approx(roc_auc_score(label, score))


def test_wilson_s_interval_by_hand() -> None:
    # 8 of 10: (0.8 + 3.8415/20 ± 1.96·√(0.016 + 3.8415/400)) / 1.38415
    assert wilson_interval(8, 10) == pytest.approx((0.49016, 0.94332), abs=1e-4)
    assert wilson_interval(0, 10)[0] == pytest.approx(0)
    assert wilson_interval(10, 10)[1] == pytest.approx(1)
    assert wilson_interval(0, 0) == (0, 1)


def test_the_error_of_an_auc_by_hand() -> None:
    # A = 5/6 of 2 × 3 pairs: Q1 = (5/6)/(7/6) = 5/7, Q2 = 2·(25/36)/(11/6) = 25/33.
    variance = (5 / 36 + (5 / 7 - 25 / 36) + 2 * (25 / 33 - 25 / 36)) / 6
    found = auc_error(np.array([1, 1, 0, 0, 0]), np.array([0.9, 0.4, 0.5, 0.3, 0.1]))
    assert found == pytest.approx(math.sqrt(variance))
    assert math.isnan(auc_error(np.zeros(3), np.arange(3)))
    assert auc_error(np.array([1, 0]), np.array([1.0, 0.0])) == 0
