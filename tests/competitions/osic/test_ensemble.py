import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulmo.competitions.osic.ensemble import Confidence, Ensemble, fit_confidence, fit_weights_and_confidence
from pulmo.scoring.laplace import laplace_log_likelihood

WEEKS = np.tile(np.arange(0.0, 100.0, 10.0), 20)
SIGN = np.where(np.arange(200) % 4 < 2, 1.0, -1.0)


def test_confidence_of_errors_that_do_not_grow() -> None:
    # Of the Laplace likelihood the optimum is σ = √2·mean|Δ|.
    confidence = fit_confidence(SIGN * np.repeat([80.0, 120.0], 100), WEEKS)
    assert confidence.at_baseline_ml == pytest.approx(100 * math.sqrt(2), rel=1e-3)
    assert confidence.ml_per_week == pytest.approx(0, abs=0.01)


def test_confidence_of_errors_that_grow_with_time() -> None:
    # |Δ| = 100 + 2·weeks on every row: σ = √2·|Δ| is the best for each row, so for all.
    confidence = fit_confidence(SIGN * (100 + 2 * WEEKS), -WEEKS)
    assert confidence == pytest.approx((100 * math.sqrt(2), 2 * math.sqrt(2)), rel=1e-3)


def test_confidence_is_never_below_what_the_metric_clips() -> None:
    assert fit_confidence(np.zeros(200), WEEKS) == pytest.approx((70, 0), abs=1e-3)


def test_no_other_line_scores_better() -> None:
    error = np.random.default_rng(0).laplace(scale=100 + WEEKS)
    best = fit_confidence(error, WEEKS)

    def score(at_baseline: float, per_week: float) -> float:
        sigma = Confidence(at_baseline, per_week).at(WEEKS)
        return float(laplace_log_likelihood(error, np.zeros(200), sigma).mean())

    around = [(best[0] + da, best[1] + db) for da in (-5, 0, 5) for db in (-0.2, 0, 0.2)]
    assert max(score(*line) for line in around) == pytest.approx(score(*best), abs=1e-6)


def test_the_model_that_is_right_gets_the_weight_unless_held_back() -> None:
    change = -3 * WEEKS + np.repeat([-200.0, 0.0, 200.0, 0.0], 50)
    medians = np.stack([-3 * WEEKS, np.zeros(200)])
    free = fit_weights_and_confidence(medians, change, WEEKS, pull_to_equal=0)
    held = fit_weights_and_confidence(medians, change, WEEKS, pull_to_equal=1e6)
    assert free.weights == pytest.approx([1, 0], abs=0.01)
    assert free.confidence.at_baseline_ml == pytest.approx(100 * math.sqrt(2), abs=2)
    assert held.weights.tolist() == [0.5, 0.5]


ENSEMBLE = Ensemble(np.array([0.25, 0.75]), Confidence(100.0, 2.0))


def test_a_forecast_is_the_weighted_median_on_top_of_the_first_fvc() -> None:
    forecast = ENSEMBLE.forecast(np.array([[-100.0], [-200.0]]), np.array([3000.0]), np.array([20.0]))
    assert forecast.fvc_ml.tolist() == [3000 - 25 - 150]
    assert forecast.confidence_ml.tolist() == [140]


@given(st.integers(-200, 400), st.floats(100, 10_000), st.floats(-1e6, 1e4), st.floats(-1e6, 1e4))
def test_forecasts_are_finite_and_positive(week: int, fvc_ml: float, first: float, second: float) -> None:
    forecast = ENSEMBLE.forecast(np.array([[first], [second]]), np.array([fvc_ml]), np.array([float(week)]))
    assert np.isfinite(forecast).all()
    assert (np.array(forecast) > 0).all()
