import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulmo.models.quantile_gbm import GbmParameters, QuantileGbm, fit_quantile_gbm
from pulmo.models.quantiles import Examples

PARAMETERS = GbmParameters(
    num_iterations=40,
    learning_rate=0.2,
    num_leaves=4,
    min_data_in_leaf=20,
    feature_fraction=1.0,
    bagging_fraction=0.8,
    lambda_l2=0.0,
    num_threads=1,
)


def examples_of_two_kinds() -> Examples:
    """Half of the rows spread evenly over 0…100, half over 1000…1100; a second feature says nothing, half unknown."""
    kind = np.repeat([0.0, 1.0], 200)
    spread = np.tile(np.linspace(0, 100, 200), 2)
    noise = np.where(np.arange(400) % 2, np.nan, np.arange(400) % 7)
    return Examples(
        np.column_stack([kind, noise]), 1000 * kind + spread, np.ones(400), np.arange(400), np.ones(400, bool)
    )


@pytest.fixture(scope="module")
def fitted() -> QuantileGbm:
    return fit_quantile_gbm(examples_of_two_kinds(), PARAMETERS, seed=3)


def test_it_finds_the_quantiles_of_each_kind(fitted: QuantileGbm) -> None:
    quantiles = fitted.predict(np.array([[0.0, np.nan], [1.0, np.nan]]))
    assert quantiles == pytest.approx(np.array([[20, 50, 80], [1020, 1050, 1080]]), abs=12)


def test_the_same_seed_gives_the_same_trees(fitted: QuantileGbm) -> None:
    again = fit_quantile_gbm(examples_of_two_kinds(), PARAMETERS, seed=3)
    other = fit_quantile_gbm(examples_of_two_kinds(), PARAMETERS, seed=4)
    texts = [[booster.model_to_string() for booster in model.boosters] for model in (fitted, again, other)]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


@settings(max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=2, max_size=2))
def test_quantiles_never_cross(fitted: QuantileGbm, features: list[float]) -> None:
    quantiles = fitted.predict(np.array([features]))
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles) >= 0).all()


def test_settings_and_model_files_are_read_without_lightgbm() -> None:
    # A machine with a GPU may not have it; only trees need it.
    modules = "pulmo.competitions.osic.settings, pulmo.training.checkpoints"
    words = f"import sys; sys.modules['lightgbm'] = None; import {modules}"
    subprocess.run([sys.executable, "-c", words], check=True)
