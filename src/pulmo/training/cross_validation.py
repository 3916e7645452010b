"""Fitting fold by fold: examples and folds → out-of-fold predictions, and a model of all."""

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from pulmo.errors import DivergedError
from pulmo.models.quantiles import Examples, QuantileModel

Model = TypeVar("Model", bound=QuantileModel)


class CrossValidation(NamedTuple, Generic[Model]):
    """What cross-validation leaves.

    Attributes:
        out_of_fold: (rows, 3); each row predicted by the model that has not seen its fold.
        whole: the model of all rows, for those that are in none. It knows more than the average of the folds' models,
            which each lack a part.
    """

    out_of_fold: np.ndarray
    whole: Model


def cross_validate(
    examples: Examples, fold: np.ndarray, fit: Callable[[int, Examples], Model], numbers: Iterable[int] | None = None
) -> CrossValidation[Model]:
    """Fit a model a fold on the rows of all the others, and last one on all.

    Args:
        examples: all rows.
        fold: the fold of each row, (rows,) int, from 0 with none left out.
        fit: number of the fold left out, and the examples outside it → model; the number of folds stands for none.
        numbers: those of `fits_of(fold)`, by default counted here; a progress bar over them, say.

    Raises:
        DivergedError: a fit failed, or a model predicts what is not finite; it names the fold.
    """
    out_of_fold = np.full((len(fold), 3), np.nan)
    for number in numbers or fits_of(fold):
        held_out = fold == number
        # Of the model of all rows, the predictions of these stand for those of others.
        asked = held_out if held_out.any() else np.ones_like(held_out)
        where = f"fold{number}" if held_out.any() else "all rows"
        try:
            model = fit(number, examples.take(~held_out))
        except DivergedError as error:
            raise error.within(where) from None
        predicted = model.predict(examples.features[asked])
        if not np.isfinite(predicted).all():
            raise DivergedError.of(where, "what the model predicts is not finite")
        if held_out.any():
            out_of_fold[held_out] = predicted
    return CrossValidation(out_of_fold, model)


def fits_of(fold: np.ndarray) -> range:
    """The numbers of all fits: a fold each, and one more for the fit on all rows."""
    return range(int(fold.max()) + 2)
