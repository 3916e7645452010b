"""The parameters of a blend: its weights; and thresholds and factors, each with the values a fit may choose from."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pulmo.errors import CommandLineError, Fault, UserError


def shares_of(weights: Sequence[float]) -> np.ndarray:
    """Weights over their sum, (files,).

    Raises:
        UserError: one is not finite or is negative, or all are zero.
    """
    values = np.asarray(weights, np.float64)
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        remedy = "Give finite numbers, none negative and not all zero"
        raise UserError(Fault(f"weights {', '.join(f'{weight:g}' for weight in weights)}", "are no weights", remedy))
    values = values / np.max(values)  # so that their sum does not overflow
    return np.asarray(values / values.sum())


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Nothing, where a value lies between `low` and `high`, both allowed.

    Raises:
        CommandLineError: it does not, or is NaN.
    """
    if not low <= value <= high:
        raise CommandLineError(Fault(f"{name} {value:g}", "is out of range", f"Set it from {low:g} to {high:g}"))


class BlendParameter(NamedTuple):
    """A number that a competition's blend depends on.

    Attributes:
        default: leaves a file alone: with every parameter at its default, a blend of one file scores as the file does.
        candidates: what a fit may set it to.
    """

    default: float
    candidates: tuple[float, ...]


def defaults_of(parameters: Mapping[str, BlendParameter]) -> dict[str, float]:
    """Every parameter where it leaves a file alone."""
    return {name: parameter.default for name, parameter in parameters.items()}


def coordinate_search(
    score: Callable[[Mapping[str, float]], float], parameters: Mapping[str, BlendParameter]
) -> dict[str, float]:
    """Coordinate search from the defaults: in turn, each parameter takes the best of its candidates until none changes.

    Args:
        score: values by name → a number; greater is better. It is asked no point twice.
        parameters: what there is to turn, in the order in which they are turned.
    """
    values, known = defaults_of(parameters), dict[tuple[float, ...], float]()

    def at(tried: Mapping[str, float]) -> float:
        point = tuple(tried.values())
        if point not in known:
            known[point] = score(tried)
        return known[point]

    before = None
    while values != before:
        before = dict(values)
        for name, parameter in parameters.items():
            ways = [values, *({**values, name: candidate} for candidate in parameter.candidates)]
            values = max(ways, key=at)  # the first of equals: a change must help
    return values
