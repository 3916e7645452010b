import keras
import numpy as np
import pytest

from pulmo.models.quantile_lines import LinePinball, OrderedLines, at_times, pinball

LOG_2 = 0.6931472  # softplus of 0


def array(value: object) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(value))


def test_five_numbers_are_a_line_by_hand() -> None:
    # softplus(ln(e − 1)) = 1 and softplus(ln(e² − 1)) = 2
    one, two = np.log(np.e - 1), np.log(np.e**2 - 1)
    lines = array(OrderedLines()(np.array([[-3.0, one, two, 0.0, one]], np.float32)))
    assert lines[0, 0].tolist() == pytest.approx([-1, 0, 2], abs=1e-6)
    assert lines[0, 1].tolist() == pytest.approx([-3 - LOG_2, -3, -2], abs=1e-6)


def test_quantiles_never_cross_at_any_time() -> None:
    rng = np.random.default_rng(0)
    lines = OrderedLines()(rng.normal(0, 5, (100, 5)).astype(np.float32))
    quantiles = array(at_times(lines, rng.uniform(0, 3, (100, 4)).astype(np.float32)))
    assert quantiles.shape == (100, 4, 3)
    assert (np.diff(quantiles) > 0).all()


def test_a_line_at_a_time() -> None:
    lines = np.array([[[-1, 0, 1], [-2, -1, 4]]], np.float32)
    assert array(at_times(lines, np.array([[0, 0.5]], np.float32))).tolist() == [[[-1, 0, 1], [-2, -0.5, 3]]]


def test_pinball_by_hand() -> None:
    # The truth is 1: missed by +3, 0 and −2; below costs q each, above 1 − q.
    found = array(pinball(np.array([1.0], np.float32), np.array([-2.0, 1.0, 3.0], np.float32)))
    assert found.tolist() == pytest.approx([0.2 * 3, 0, 0.2 * 2])


def test_the_loss_weighs_visits_and_ignores_what_only_fills_up() -> None:
    lines = np.array([[[-1, 0, 1], [0, 0, 0]]] * 2, np.float32)
    truth = np.array([[[0, 2, 0.5], [1, 0, 1]], [[0, 0, 1], [5, 99, 0]]], np.float32)
    # First: a change of 2 misses −1, 0, 1 by 3, 2, 1: (0.2·3 + 0.5·2 + 0.8·1)/3 = 0.8, halved; a change of 0 misses
    # them by 1, 0, −1: (0.2 + 0 + 0.2)/3. Second: that again. The mean over both examples is taken.
    assert float(LinePinball()(truth, lines)) == pytest.approx((0.4 + 0.4 / 3 + 0.4 / 3) / 2)


def test_the_best_constant_line_has_the_quantiles_of_the_changes() -> None:
    changes = np.arange(1.0, 100.0, dtype=np.float32)  # the 0.2, 0.5 and 0.8 quantiles are 20, 50, 80
    truth = np.stack([np.zeros(99), changes, np.ones(99)], -1)[None].astype(np.float32)

    def loss(low: float, middle: float, high: float) -> float:
        return float(LinePinball()(truth, np.array([[[low, middle, high], [0, 0, 0]]], np.float32)))

    best = loss(20, 50, 80)
    assert all(
        loss(*others) > best for others in ((15, 50, 80), (25, 50, 80), (20, 45, 80), (20, 50, 75), (20, 50, 85))
    )
