import numpy as np
import pytest

from pulmo.blending.simplex import fit_simplex


def test_the_optimum_of_a_smooth_loss_is_found() -> None:
    wanted = np.array([0.7, 0.2, 0.1])
    assert fit_simplex(lambda weights: float(np.sum((weights - wanted) ** 2)), 3) == pytest.approx(wanted, abs=0.005)


def test_the_best_alone_takes_everything() -> None:
    losses = np.array([3.0, 1.0, 2.0])
    weights = fit_simplex(lambda weights: float(weights @ losses), 3)
    assert weights == pytest.approx([0, 1, 0], abs=1e-9)
    assert (weights >= 0).all()


def test_a_loss_with_steps_will_do() -> None:
    # 0 only where the first weight is at least 0.6: no derivative would tell the way from equal weights' plateau.
    weights = fit_simplex(lambda weights: float(weights[0] < 0.6), 2)
    assert weights[0] >= 0.6


def test_equal_weights_stay_where_nothing_is_better() -> None:
    assert fit_simplex(lambda weights: 0.0, 4).tolist() == [0.25] * 4


def test_one_member_has_all_the_weight() -> None:
    assert fit_simplex(lambda weights: 1.0, 1).tolist() == [1.0]
