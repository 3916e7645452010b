"""Nodules of known size in lungs of known volume."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from pulmo.phantom.chest import Body
from pulmo.phantom.geometry import Vector, vector
from pulmo.phantom.shapes import Ellipsoid

FROM_WALL_MM = 2.0
APART_MM = 4.0
_TRIES = 200


class Nodule(NamedTuple):
    """A homogeneous ball; `centre_mm` in the patient's coordinates."""

    centre_mm: Vector
    diameter_mm: float
    hu: float

    @property
    def ball(self) -> Ellipsoid:
        """The nodule as an ellipsoid."""
        radius = self.diameter_mm / 2
        return Ellipsoid(self.centre_mm, (radius, radius, radius), self.hu)


def with_nodules(body: Body, nodules: Sequence[Nodule]) -> Body:
    """The same body with nodules, drawn over the vessels."""
    return replace(body, vessels=(*body.vessels, *(nodule.ball for nodule in nodules)))


def place_nodules(body: Body, diameters_mm: Sequence[float], seed: int) -> list[Nodule]:
    """Solid nodules of these diameters at random positions in the lungs, apart from the walls and each other.

    Raises ValueError where there is no room for one.
    """
    rng = np.random.default_rng(seed)
    placed: list[Nodule] = []
    for diameter in sorted(diameters_mm, reverse=True):
        placed.append(_place(body, float(diameter), placed, rng))
    return placed


def _place(body: Body, diameter_mm: float, placed: Sequence[Nodule], rng: np.random.Generator) -> Nodule:
    for _ in range(_TRIES):
        lung = body.lungs[rng.integers(len(body.lungs))]
        room = np.asarray(lung.semi_axes_mm) - diameter_mm / 2 - FROM_WALL_MM
        direction = rng.standard_normal(3)
        ball = direction / np.linalg.norm(direction) * rng.random() ** (1 / 3)
        if (room <= 0).any():
            continue
        centre = (ball * room) @ np.asarray(lung.axes) + lung.centre_mm
        gaps = [np.linalg.norm(centre - other.centre_mm) - (diameter_mm + other.diameter_mm) / 2 for other in placed]
        if not gaps or min(gaps) >= APART_MM:
            return Nodule(vector(centre), diameter_mm, float(rng.normal(35, 15)))
    raise ValueError(f"no room for a nodule of {diameter_mm:.1f} mm")
