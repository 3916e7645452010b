"""What a blend may have besides weights: thresholds and factors, each with the values a fit may choose from."""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Knob(NamedTuple):
    """A number that a competition's blend depends on.

    Attributes:
        default: leaves a file alone: with every knob at its default, a blend of one file scores as the file does.
        candidates: what a fit may set it to.
    """

    default: float
    candidates: tuple[float, ...]


def defaults_of(knobs: Mapping[str, Knob]) -> dict[str, float]:
    """Every knob where it leaves a file alone."""
    return {name: knob.default for name, knob in knobs.items()}


def climb(score: Callable[[Mapping[str, float]], float], knobs: Mapping[str, Knob]) -> dict[str, float]:
    """Values of the knobs that score well: from the defaults, each in turn takes the best of its candidates, until none
    changes any more.

    Args:
        score: values by name → a number; greater is better. It is asked no point twice.
        knobs: what there is to turn, in the order in which they are turned.
    """
    values, known = defaults_of(knobs), dict[tuple[float, ...], float]()

    def at(tried: Mapping[str, float]) -> float:
        point = tuple(tried.values())
        if point not in known:
            known[point] = score(tried)
        return known[point]

    before = None
    while values != before:
        before = dict(values)
        for name, knob in knobs.items():
            ways = [values, *({**values, name: candidate} for candidate in knob.candidates)]
            values = max(ways, key=at)  # the first of equals: a change must help
    return values
