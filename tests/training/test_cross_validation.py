from typing import NamedTuple

import numpy as np
import pytest

from pulmo.errors import DivergedError
from pulmo.models.quantiles import Examples
from pulmo.training.cross_validation import cross_validate


class Constant(NamedTuple):
    """Forecasts the mean of what it has seen."""

    mean: float

    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.full((len(features), 3), self.mean)


def test_each_row_is_predicted_by_the_model_that_has_not_seen_its_fold() -> None:
    examples = Examples(
        np.zeros((6, 1)), np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), np.ones(6), np.arange(6), np.ones(6, bool)
    )
    fold = np.array([0, 0, 1, 1, 2, 2])
    result = cross_validate(examples, fold, lambda _, rows: Constant(float(rows.target.mean())))
    # Means of {2,3,4,5}, {0,1,4,5} and {0,1,2,3}; and of all.
    assert result.out_of_fold.tolist() == [[mean] * 3 for mean in (3.5, 3.5, 2.5, 2.5, 1.5, 1.5)]
    assert result.whole.mean == 2.5


def test_the_number_of_the_fold_is_told_and_may_come_from_a_bar() -> None:
    examples = Examples(np.zeros((4, 1)), np.zeros(4), np.ones(4), np.arange(4), np.ones(4, bool))
    told = []

    def fit(number: int, rows: Examples) -> Constant:
        told.append((number, len(rows.target)))
        return Constant(0.0)

    cross_validate(examples, np.array([0, 1, 1, 1]), fit, iter([0, 1, 2]))
    assert told == [(0, 3), (1, 1), (2, 4)]


@pytest.mark.parametrize(("bad", "where"), [(1, "fold1"), (2, "all rows")])
def test_a_model_whose_predictions_are_not_finite_is_named(bad: int, where: str) -> None:
    examples = Examples(np.zeros((4, 1)), np.zeros(4), np.ones(4), np.arange(4), np.ones(4, bool))

    def fit(number: int, rows: Examples) -> Constant:
        return Constant(np.inf if number == bad else 0.0)

    with pytest.raises(DivergedError, match=f"{where}: .* what the model predicts is not finite"):
        cross_validate(examples, np.array([0, 0, 1, 1]), fit)


def test_a_fit_that_fails_names_its_fold() -> None:
    examples = Examples(np.zeros((4, 1)), np.zeros(4), np.ones(4), np.arange(4), np.ones(4, bool))

    def fit(number: int, rows: Examples) -> Constant:
        raise DivergedError.of("linear model huber", "a coefficient is not finite")

    with pytest.raises(DivergedError, match=r"fold0, linear model huber: .* a coefficient is not finite"):
        cross_validate(examples, np.array([0, 0, 1, 1]), fit)
