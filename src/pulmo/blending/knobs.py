"""What a blend may have besides weights: thresholds and factors, each with the values a fit may choose from."""

from collections.abc import Mapping
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
