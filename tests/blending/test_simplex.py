from functools import partial

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


def distance(wanted: float, weights: np.ndarray) -> float:
    return float(abs(weights[0] - wanted))


def test_shares_are_halved_from_a_quarter_to_a_512th() -> None:
    # Found only by a first step of a quarter, and by a last one of 1/512; less than that stays.
    assert fit_simplex(lambda weights: float(weights[0] != 0.75), 2).tolist() == [0.75, 0.25]
    for wanted, found in ((0.5 + 1 / 512, 0.5 + 1 / 512), (0.5 + 1 / 1024, 0.5)):
        weights = fit_simplex(partial(distance, wanted), 2)
        assert weights.tolist() == [found, 1 - found]


def test_a_giver_gives_no_more_than_it_has_and_what_is_given_stays_one() -> None:
    tried: list[np.ndarray] = []

    def loss(weights: np.ndarray) -> float:
        tried.append(weights.copy())
        return float(weights[0])

    fit_simplex(loss, 3, np.array([0.1, 0.2, 0.7]))
    assert all((weights >= 0).all() for weights in tried)
    assert [weights.sum() for weights in tried] == pytest.approx([1.0] * len(tried))
    assert any(weights.tolist() == pytest.approx([0, 0.3, 0.7]) for weights in tried)


def test_a_share_is_moved_again_while_that_helps() -> None:
    """From one end to the other it takes four quarters; a quarter, an eighth and so on would not suffice."""
    assert fit_simplex(lambda weights: float(weights[0]), 2, np.array([1.0, 0.0])).tolist() == [0.0, 1.0]
