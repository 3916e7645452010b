import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulmo.competitions.osic.confidence import SHARE_OF_MEN, Confidence, ConfidencePrior
from pulmo.competitions.osic.ensemble import Ensemble, Penalties, fit_weights_and_confidence

WEEKS = np.tile(np.arange(0.0, 100.0, 10.0), 20)
ENSEMBLE = Ensemble(np.array([0.25, 0.75]), Confidence(100.0, 2.0, 0.3))


def test_the_model_that_is_right_gets_the_weight_unless_held_back() -> None:
    change = -3 * WEEKS + np.repeat([-200.0, 0.0, 200.0, 0.0], 50)
    medians = np.stack([-3 * WEEKS, np.zeros(200)])
    pairs = pd.DataFrame({"change_ml": change, "gap_weeks": WEEKS, "male": SHARE_OF_MEN})
    free = fit_weights_and_confidence(medians, pairs, Penalties(0, ConfidencePrior(0, 0)))
    held = fit_weights_and_confidence(medians, pairs, Penalties(1e6, ConfidencePrior(0, 0)))
    assert free.weights == pytest.approx([1, 0], abs=0.01)
    assert free.confidence.at_baseline_ml == pytest.approx(100 * math.sqrt(2), abs=2)
    assert held.weights.tolist() == [0.5, 0.5]


def requested(fvc_ml: float, week: float) -> pd.DataFrame:
    return pd.DataFrame({"fvc_from_ml": [fvc_ml], "gap_weeks": [week], "male": SHARE_OF_MEN})


def test_a_forecast_is_the_weighted_median_on_top_of_the_first_fvc() -> None:
    forecast = ENSEMBLE.forecast(np.array([[-100.0], [-200.0]]), requested(3000.0, 20.0))
    assert forecast.fvc_ml.tolist() == [3000 - 25 - 150]
    assert forecast.confidence_ml.tolist() == [140]


@given(st.integers(-200, 400), st.floats(100, 10_000), st.floats(-1e6, 1e4), st.floats(-1e6, 1e4))
def test_forecasts_are_finite_and_positive(week: int, fvc_ml: float, first: float, second: float) -> None:
    forecast = ENSEMBLE.forecast(np.array([[first], [second]]), requested(fvc_ml, float(week)))
    assert np.isfinite(forecast).all()
    assert (np.array(forecast) > 0).all()
