"""The parameters of a blend: weights, thresholds and factors; their checks, defaults and a coordinate search."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pulmo.errors import CommandLineError, Fault, UserError
from pulmo.protocols import BlendParameter


def shares_of(weights: Sequence[float]) -> np.ndarray:
    """Weights divided by their sum, (files,).

    Raises:
        UserError: one is not finite or is negative, or all are zero.
    """
    values = np.asarray(weights, np.float64)
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        remedy = "Give finite numbers, none negative and not all zero"
        raise UserError(Fault(f"weights {', '.join(f'{weight:g}' for weight in weights)}", "are not weights", remedy))
    values = values / np.max(values)  # so that their sum does not overflow
    return np.asarray(values / values.sum())


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Check that a value lies between `low` and `high`, both allowed.

    Raises:
        CommandLineError: it does not, or is NaN.
    """
    if not low <= value <= high:
        raise CommandLineError(Fault(f"{name} {value:g}", "is out of range", f"Set it from {low:g} to {high:g}"))


def defaults_of(parameters: Mapping[str, BlendParameter]) -> dict[str, float]:
    """The default of every parameter, by name."""
    return {name: parameter.default for name, parameter in parameters.items()}


def coordinate_search(
    score: Callable[[Mapping[str, float]], float], parameters: Mapping[str, BlendParameter]
) -> dict[str, float]:
    """Coordinate search from the defaults: in turn, each parameter takes the best of its candidates until none changes.

    Args:
        score: values by name → a number; greater is better. No point is evaluated twice.
        parameters: the coordinates, in the order of the search.
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
            points = [values, *({**values, name: candidate} for candidate in parameter.candidates)]
            values = max(points, key=at)  # the first of equals: a change must help
    return values
