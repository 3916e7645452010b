import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulmo.competitions.osic.confidence import Confidence, ConfidencePrior, Errors, fit_confidence
from pulmo.scoring.laplace import laplace_log_likelihood

WEEKS = np.tile(np.arange(0.0, 100.0, 10.0), 20)
SIGN = np.where(np.arange(200) % 4 < 2, 1.0, -1.0)
MALE = np.repeat(np.arange(20) % 2, 10).astype(float)
FREE, SEXES_ALIKE = ConfidencePrior(0, 0), ConfidencePrior(0, 1e6)


def line(error_ml: np.ndarray, weeks: np.ndarray = WEEKS) -> tuple[float, float]:
    fitted = fit_confidence(Errors(error_ml, weeks, MALE), SEXES_ALIKE)
    return fitted.at_baseline_ml, fitted.ml_per_week


def test_errors_that_do_not_grow() -> None:
    # Of the Laplace likelihood the optimum is σ = √2·mean|Δ|.
    at_baseline, per_week = line(SIGN * np.repeat([80.0, 120.0], 100))
    assert at_baseline == pytest.approx(100 * math.sqrt(2), rel=5e-3)
    assert per_week == pytest.approx(0, abs=0.01)


def test_errors_that_grow_with_time() -> None:
    # |Δ| = 100 + 2·weeks on every row: σ = √2·|Δ| is the best for each row, so for all.
    assert line(SIGN * (100 + 2 * WEEKS), -WEEKS) == pytest.approx((100 * math.sqrt(2), 2 * math.sqrt(2)), rel=1e-3)


def test_it_is_below_what_the_metric_clips_where_nothing_is_wrong() -> None:
    assert max(line(np.zeros(200))) <= 70


def test_errors_beyond_what_the_metric_clips_count_as_that() -> None:
    assert line(SIGN * 1000) == line(SIGN * 5000)


def test_men_and_women_who_differ() -> None:
    # |Δ| = 100 for women and 200 for men, whatever the week: √2 times that, a factor of 2.
    fitted = fit_confidence(Errors(SIGN * (100 + 100 * MALE), WEEKS, MALE), FREE)
    sigma = fitted.at(WEEKS, MALE)
    assert sigma[MALE == 0] == pytest.approx(100 * math.sqrt(2), rel=1e-2)
    assert sigma[MALE == 1] == pytest.approx(200 * math.sqrt(2), rel=1e-2)
    assert fitted.log_factor_of_sex == pytest.approx(math.log(2), rel=1e-2)


def test_the_penalties_hold_it_to_what_is_usual() -> None:
    fitted = fit_confidence(Errors(SIGN * (10 + 500 * MALE), WEEKS, MALE), ConfidencePrior(1e6, 1e6))
    assert fitted == pytest.approx((200, 2, 0), abs=1e-3)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0, 5))
def test_no_other_line_scores_better(seed: int, growth: float) -> None:
    error_ml = np.random.default_rng(seed).laplace(scale=100 + growth * WEEKS)
    best = line(error_ml)

    def score(at_baseline: float, per_week: float) -> float:
        sigma = at_baseline + per_week * WEEKS
        return float(laplace_log_likelihood(error_ml, np.zeros(200), sigma).mean())

    around = [(best[0] + da, max(best[1] + db, 0)) for da in (-5, 0, 5) for db in (-0.2, 0, 0.2)]
    assert max(score(*other) for other in around) == pytest.approx(score(*best), abs=5e-4)


def test_any_week_and_both_sexes() -> None:
    confidence = Confidence(100.0, 2.0, 0.5)
    assert confidence.at(np.array([10.0, -10.0]), np.array([0.8, 0.8])) == pytest.approx(120)
    man, woman = confidence.at(np.array([0.0, 0.0]), np.array([1.0, 0.0]))
    assert man / woman == pytest.approx(math.exp(0.5))
