import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulmo.competitions.osic.confidence import Confidence, Errors, fit_confidence
from pulmo.models.robust_linear import standardise
from pulmo.scoring.laplace import laplace_log_likelihood

WEEKS = np.tile(np.arange(0.0, 100.0, 10.0), 20)
SIGN = np.where(np.arange(200) % 4 < 2, 1.0, -1.0)
PATIENT = np.repeat(np.arange(20), 10)
NO_COLUMN = np.zeros((200, 1))  # of which all patients have the same


def errors(error_ml: np.ndarray, weeks: np.ndarray = WEEKS, columns: np.ndarray = NO_COLUMN) -> Errors:
    return Errors(error_ml, weeks, columns, PATIENT, np.ones(200, bool))


def line(error_ml: np.ndarray, weeks: np.ndarray = WEEKS) -> tuple[float, float]:
    fitted = fit_confidence(errors(error_ml, weeks), penalty=0.1)
    return fitted.at_baseline_ml, fitted.ml_per_week


def test_errors_that_do_not_grow() -> None:
    # Of the Laplace likelihood the optimum is σ = √2·mean|Δ|.
    at_baseline, per_week = line(SIGN * np.repeat([80.0, 120.0], 100))
    assert at_baseline == pytest.approx(100 * math.sqrt(2), rel=1e-3)
    assert per_week == pytest.approx(0, abs=0.01)


def test_errors_that_grow_with_time() -> None:
    # |Δ| = 100 + 2·weeks on every row: σ = √2·|Δ| is the best for each row, so for all.
    assert line(SIGN * (100 + 2 * WEEKS), -WEEKS) == pytest.approx((100 * math.sqrt(2), 2 * math.sqrt(2)), rel=1e-3)


def test_it_is_never_below_what_the_metric_clips() -> None:
    assert line(np.zeros(200)) == pytest.approx((70, 0), abs=1e-3)


def test_errors_beyond_what_the_metric_clips_count_as_that() -> None:
    assert line(SIGN * 1000) == pytest.approx(line(SIGN * 5000))


def test_a_column_on_which_the_errors_depend_is_found_and_another_is_not() -> None:
    # Twenty patients, |Δ| = 100 for ten of them and 600 for the others: σ = √2 times that.
    wide = np.repeat(np.arange(20) % 2, 10).astype(float)
    noise = np.repeat(np.random.default_rng(0).normal(size=20), 10)
    columns = np.column_stack([noise, wide])
    fitted = fit_confidence(errors(SIGN * (100 + 500 * wide), columns=columns), penalty=1e-6)
    sigma = fitted.at(WEEKS, columns)
    assert sigma[wide == 0] == pytest.approx(100 * math.sqrt(2), rel=0.05)
    assert sigma[wide == 1] == pytest.approx(600 * math.sqrt(2), rel=0.05)
    assert abs(fitted.log_factor[0]) < 0.03 < fitted.log_factor[1]


def test_the_penalty_holds_it_to_one_for_all() -> None:
    wide = np.repeat(np.arange(20) % 2, 10).astype(float)
    fitted = fit_confidence(errors(SIGN * (100 + 100 * wide), columns=wide[:, None]), penalty=1e6)
    assert fitted.log_factor == pytest.approx([0], abs=1e-5)
    assert fitted.at_baseline_ml == pytest.approx(150 * math.sqrt(2), rel=1e-3)


def test_a_column_of_noise_costs_next_to_nothing() -> None:
    rng = np.random.default_rng(3)
    columns = np.repeat(rng.normal(size=(20, 6)), 10, axis=0)
    fitted = fit_confidence(errors(rng.laplace(scale=150, size=200), columns=columns), penalty=0.1)
    assert np.abs(fitted.log_factor).sum() < 0.2


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 5))
def test_no_other_line_scores_better(seed: int, growth: float) -> None:
    error_ml = np.random.default_rng(seed).laplace(scale=100 + growth * WEEKS)
    best = line(error_ml)

    def score(at_baseline: float, per_week: float) -> float:
        sigma = at_baseline + per_week * WEEKS
        return float(laplace_log_likelihood(error_ml, np.zeros(200), sigma).mean())

    around = [(best[0] + da, max(best[1] + db, 0)) for da in (-5, 0, 5) for db in (-0.2, 0, 0.2)]
    assert max(score(*other) for other in around) == pytest.approx(score(*best), abs=1e-6)


def test_the_unknown_counts_as_the_median() -> None:
    confidence = Confidence(100.0, 2.0, standardise(np.array([[1.0], [2.0], [9.0]])), np.array([0.5]))
    unknown, median = confidence.at(np.array([10.0, -10.0]), np.array([[np.nan], [2.0]]))
    assert unknown == median != 120
