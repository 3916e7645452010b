import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulmo.models.calibration import calibrated, fit_temperature
from pulmo.models.logits import logit, sigmoid


@given(st.floats(-15, 15))
def test_logit_undoes_sigmoid(value: float) -> None:
    assert logit(sigmoid(np.array(value)), 1e-7) == pytest.approx(value, abs=1e-6)


def test_extremes_are_clipped_and_do_not_overflow() -> None:
    np.testing.assert_allclose(sigmoid(np.array([-1e4, 0, 1e4])), [0, 0.5, 1])
    np.testing.assert_allclose(logit(np.array([0.0, 1.0]), 1e-3), [-6.906755, 6.906755], rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_network_too_sure_by_a_factor_is_cooled_by_it(temperature: float) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 2, 40_000)
    label = rng.random(len(truth)) < sigmoid(truth)
    assert fit_temperature(temperature * truth, label) == pytest.approx(temperature, rel=0.05)


def test_the_prior_undoes_equal_class_weights() -> None:
    # Nine of ten are 0; in a balanced world, the logits know the truth.
    rng = np.random.default_rng(1)
    label = rng.random(60_000) < 0.1
    evidence = rng.normal(np.where(label, 1, -1), 1)  # log likelihood ratio: 2·evidence
    prior = float(np.log(0.1 / 0.9))
    assert fit_temperature(2 * evidence, label, prior) == pytest.approx(1, rel=0.05)
    assert calibrated(2 * evidence, 1.0, prior).mean() == pytest.approx(0.1, abs=0.01)


def test_rows_told_apart_without_a_mistake_do_not_make_it_infinitely_sure() -> None:
    label = np.repeat([0, 1], 20)
    temperature = fit_temperature(np.where(label, 3.0, -3.0), label)
    # The best constant sureness of 20 right answers is 21 to 1.
    assert calibrated(np.array([3.0]), temperature)[0] == pytest.approx(21 / 22, abs=1e-3)


def test_the_temperature_has_bounds() -> None:
    # Logits that tell nothing want an infinite temperature; tiny ones that tell all, none.
    label = np.tile([0, 1], 50)
    assert fit_temperature(np.where(label, -3.0, 3.0), label) == pytest.approx(50, rel=1e-3)
    assert fit_temperature(np.where(label, 0.001, -0.001), label) == pytest.approx(0.02, rel=1e-3)


def test_labels_are_smoothed_by_class() -> None:
    # Three of three ones at logit 1, and one of one zeros at −1: targets 4/5 and 1/3, so p is the root of
    # 3·(p − 4/5) + (p − 2/3) = 0 in p = sigmoid(1/T), which is 23/30, and 1/T is ln(23/7).
    temperature = fit_temperature(np.array([1.0, 1.0, 1.0, -1.0]), np.array([1, 1, 1, 0]))
    assert temperature == pytest.approx(1 / np.log(23 / 7), rel=1e-4)
    assert calibrated(np.array([1.0, -1.0]), temperature) == pytest.approx([23 / 30, 7 / 30], rel=1e-4)
