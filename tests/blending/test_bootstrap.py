from itertools import chain, product

import numpy as np
import pytest
import sklearn.metrics as skm

from pulmo.blending.bootstrap import (
    Estimate,
    Statistic,
    bootstrap,
    bootstrap_mean,
    compare_means,
    paired_gain,
    paired_mean_gain,
)
from pulmo.scoring.classification import auc
from pulmo.scoring.log_loss import log_loss

LABEL = np.array([1, 0, 1, 0, 1, 0])
GOOD, POOR = np.array([0.9, 0.1, 0.7, 0.6, 0.8, 0.3]), np.array([0.5, 0.6, 0.4, 0.1, 0.7, 0.2])
PATIENT = np.array(["a", "a", "b", "b", "c", "c"])


def test_whole_groups_are_drawn() -> None:
    # Two groups of four rows, all 0 and all 2: a drawn mean is 0, 1, 1 or 2, of standard deviation √½. If single rows
    # were drawn it would be about 1/√8 = 0.35.
    values, groups = np.repeat([0.0, 2.0], 4), np.repeat(["a", "b"], 4)
    estimate = bootstrap_mean(values, groups)
    assert estimate.value == 1
    assert estimate.standard_error == pytest.approx(np.sqrt(0.5), abs=0.03)
    assert (estimate.low, estimate.high) == (0, 2)  # a quarter of the draws each


def test_a_group_counts_by_its_rows() -> None:
    estimate = bootstrap_mean(np.array([0.0, 0.0, 0.0, 4.0]), np.array(["a", "a", "a", "b"]))
    assert estimate.value == 1  # not 2, the mean of the groups' means


def test_a_difference_without_spread_has_no_error() -> None:
    assert bootstrap_mean(np.full(6, 0.25), np.array(list("aabbcc"))) == Estimate(0.25, 0.0, 0.25, 0.25)


def test_of_a_mean_any_statistic_s_bootstrap_is_that_of_the_mean() -> None:
    rng = np.random.default_rng(3)
    values, groups = rng.normal(size=60), rng.integers(17, size=60)
    found = bootstrap(lambda rows: float(values[rows].mean()), groups, seed=5, draws=300)
    assert found == pytest.approx(bootstrap_mean(values, groups, seed=5, draws=300))


def test_an_auc_with_the_error_of_all_draws_of_patients_listed() -> None:
    # Three patients of two rows: 27 equally likely draws, each scored by scikit-learn.
    rows_of = [np.flatnonzero(name == PATIENT) for name in "abc"]
    draws = [[a, b, c] for a in range(3) for b in range(3) for c in range(3)]
    drawn = [np.concatenate([rows_of[place] for place in draw]) for draw in draws]
    cases: list[tuple[Statistic, Statistic]] = [
        (lambda rows: auc(LABEL[rows], POOR[rows]), lambda rows: skm.roc_auc_score(LABEL[rows], POOR[rows])),
        (lambda rows: log_loss(LABEL[rows], GOOD[rows]).mean(), lambda rows: skm.log_loss(LABEL[rows], GOOD[rows])),
    ]
    for statistic, reference in cases:
        expected = np.array([reference(rows) for rows in drawn])
        found = bootstrap(statistic, PATIENT, draws=4000)
        assert found.value == pytest.approx(reference(np.arange(6)))
        assert found.standard_error == pytest.approx(expected.std(), rel=0.05)
        assert (found.low, found.high) == pytest.approx((expected.min(), expected.max()))


def test_a_paired_gain_has_the_error_of_the_difference() -> None:
    # AUC 1 and 7/9 (of 9 pairs, 0.5 and 0.4 lie below 0.6).
    gain = paired_gain(lambda rows: auc(LABEL[rows], GOOD[rows]), lambda rows: auc(LABEL[rows], POOR[rows]), PATIENT)
    assert gain.value == pytest.approx(2 / 9)
    alone = bootstrap(lambda rows: auc(LABEL[rows], POOR[rows]), PATIENT)
    assert gain.standard_error == pytest.approx(alone.standard_error)  # the other's AUC is 1 in every draw
    same = paired_gain(lambda rows: auc(LABEL[rows], POOR[rows]), lambda rows: auc(LABEL[rows], POOR[rows]), PATIENT)
    assert same == Estimate(0.0, 0.0, 0.0, 0.0)


def test_draws_for_which_a_statistic_is_undefined_are_left_out() -> None:
    # With one row a patient, a draw of one class alone has no AUC; the others have 1.
    found = bootstrap(lambda rows: auc(LABEL[rows], GOOD[rows]), np.arange(6))
    assert found == Estimate(1.0, 0.0, 1.0, 1.0)
    nothing = bootstrap(lambda rows: float("nan"), PATIENT, draws=10)
    assert np.isnan(nothing).all()


def test_means_are_compared_row_by_row() -> None:
    score, gain = compare_means(np.array([1.0, 3.0, 5.0]), np.array([0.5, 2.5, 4.5]), np.array(["a", "b", "c"]))
    assert score.value == 3
    assert score.standard_error > 0.5
    assert (gain.value, gain.standard_error) == (0.5, 0.0)


def test_the_interval_leaves_out_a_fortieth_on_each_side() -> None:
    values = iter(range(41))  # the draws' values are 0 … 40, and that of all rows, asked for last, is 40 again
    found = bootstrap(lambda rows: next(values, 40), np.arange(3), draws=41)
    assert (found.value, found.low, found.high) == (40, 1, 39)
    assert found.standard_error == pytest.approx(np.sqrt(41 * 42 / 12))  # of 41 numbers in a row, divided by 40


def test_two_thousand_draws_unless_told_otherwise() -> None:
    rows_seen: list[int] = []

    def count(rows: np.ndarray) -> float:
        rows_seen.append(len(rows))
        return 0.0

    bootstrap(count, np.arange(3))
    assert rows_seen == [3] * 2001  # and all rows once


def test_every_bootstrap_has_the_same_draws_by_default() -> None:
    values, groups = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array([0, 0, 1, 2, 3])
    mean = bootstrap_mean(values, groups)
    assert mean == pytest.approx(bootstrap_mean(values, groups, seed=0, draws=2000))
    assert mean != bootstrap_mean(values, groups, seed=1)
    assert bootstrap(lambda rows: float(values[rows].mean()), groups) == pytest.approx(mean)
    assert paired_gain(lambda rows: float(values[rows].mean()), lambda rows: 0.0, groups) == pytest.approx(mean)
    assert paired_mean_gain(values, np.zeros(5), groups) == pytest.approx(mean)


def test_one_draw_has_no_spread() -> None:
    assert bootstrap_mean(np.array([1.0, 3.0]), np.arange(2), draws=1) == pytest.approx(
        (2.0, np.nan, np.nan, np.nan), nan_ok=True
    )
    assert np.isfinite(bootstrap_mean(np.array([1.0, 3.0]), np.arange(2), draws=2)).all()


def test_rows_of_a_group_need_not_stand_together() -> None:
    seen: set[tuple[int, ...]] = set()
    groups = np.array(["b", "a", "b", "c", "a", "b"])

    def see(rows: np.ndarray) -> float:
        seen.add(tuple(rows.tolist()))
        return 0.0

    bootstrap(see, groups, draws=300)
    parts = {"a": (1, 4), "b": (0, 2, 5), "c": (3,)}
    draws = {tuple(chain.from_iterable(drawn)) for drawn in product(parts.values(), repeat=3)}
    assert seen == draws | {(0, 1, 2, 3, 4, 5)}


def test_draws_without_a_row_that_counts_are_left_out_of_a_paired_gain() -> None:
    # One of three groups has no row that counts: draws of it alone have no mean. The others gain 1 for certain.
    scores, reference = np.array([3.0, 4.0, np.nan]), np.array([2.0, 3.0, np.nan])
    assert paired_mean_gain(scores, reference, np.arange(3)) == pytest.approx((1, 0, 1, 1))
