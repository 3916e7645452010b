"""Fitting fold by fold: examples and folds → out-of-fold predictions, and a model a fold."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from pulmo.models.quantiles import Examples, QuantileModel

Model = TypeVar("Model", bound=QuantileModel)


class CrossValidation(NamedTuple, Generic[Model]):
    """What cross-validation leaves.

    Attributes:
        out_of_fold: (rows, 3); each row predicted by the model that has not seen its fold.
        models: one a fold, in the folds' order.
    """

    out_of_fold: np.ndarray
    models: tuple[Model, ...]


def cross_validate(
    examples: Examples,
    fold: np.ndarray,
    fit: Callable[[int, Examples], Model],
    numbers: Iterable[int] | None = None,
) -> CrossValidation[Model]:
    """Fit a model a fold on the rows of all the others.

    Args:
        examples: all rows.
        fold: the fold of each row, (rows,) int, from 0 with none left out.
        fit: number of the fold left out, and the examples outside it → model.
        numbers: all folds, by default counted here; a progress bar over them, say.
    """
    out_of_fold = np.full((len(fold), 3), np.nan)
    models = []
    for number in numbers or range(int(fold.max()) + 1):
        held_out = fold == number
        model = fit(number, examples.take(~held_out))
        out_of_fold[held_out] = model.predict(examples.features[held_out])
        models.append(model)
    return CrossValidation(out_of_fold, tuple(models))


def mean_prediction(models: Sequence[QuantileModel], features: np.ndarray) -> np.ndarray:
    """The fold models' average for rows that none of them has seen: (rows, columns) → (rows, 3)."""
    return np.asarray(np.mean([model.predict(features) for model in models], axis=0))
