"""Ellipsoids, and their intersections with slices of voxels."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pulmo.phantom.geometry import Grid, Vector, vector

AXES: tuple[Vector, Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Ellipsoid:
    """A homogeneous ellipsoid, in patient millimetres.

    `axes` are the orthonormal directions of `semi_axes_mm`. A semi-axis far longer than the scan makes a cylinder.
    """

    centre_mm: Vector
    semi_axes_mm: Vector
    hu: float
    axes: tuple[Vector, Vector, Vector] = AXES

    @property
    def litres(self) -> float:
        """The exact volume, 4/3 π a b c."""
        return 4 / 3 * math.pi * math.prod(self.semi_axes_mm) / 1e6

    @property
    def to_unit(self) -> np.ndarray:
        """The matrix (3, 3) that maps `point - centre_mm` into the unit ball."""
        return np.asarray(np.asarray(self.axes) / np.asarray(self.semi_axes_mm)[:, None])

    def radius(self, points: np.ndarray) -> np.ndarray:
        """Normalized radius, 0 in the centre and 1 on the surface: points (..., 3) in mm → (...)."""
        return np.asarray(np.linalg.norm((points - np.asarray(self.centre_mm)) @ self.to_unit.T, axis=-1))

    def surface(self) -> np.ndarray:
        """Points distributed over the surface, (n, 3) in mm, including the poles of the third axis."""
        height = np.linspace(-1, 1, 41)[:, None]
        angle = np.linspace(0, 2 * np.pi, 48)
        ring = np.sqrt(1 - height**2)
        ball = np.stack([ring * np.cos(angle), ring * np.sin(angle), np.broadcast_to(height, (41, 48))], axis=-1)
        return np.asarray((ball * self.semi_axes_mm) @ np.asarray(self.axes) + self.centre_mm).reshape(-1, 3)


@dataclass(frozen=True)
class Cut:
    """The intersection of a slice with an ellipsoid: the pixels `rows` × `columns`.

    `coverage` (rows, columns) is the fraction of each pixel inside, by its in-plane distance to the surface: one half
    for a pixel with its centre on the surface.
    """

    rows: slice
    columns: slice
    coverage: np.ndarray


def cuts(ellipsoid: Ellipsoid, grid: Grid) -> Iterator[tuple[int, Cut]]:
    """Every slice that intersects the ellipsoid, with its index in the grid.

    In the ellipsoid's own space, where it is the unit ball, pixel x = (row, column) lies at start + x · steps, and
    its squared radius f(x) = x·form·x + 2 x·linear + |start|² has an ellipse for its level set f = 1.
    """
    to_unit = ellipsoid.to_unit
    starts = (grid.origins - np.asarray(ellipsoid.centre_mm)) @ to_unit.T
    steps = np.stack([np.asarray(grid.down) * grid.pixel_mm[0], np.asarray(grid.right) * grid.pixel_mm[1]]) @ to_unit.T
    inverse = np.linalg.inv(steps @ steps.T)
    linear = starts @ steps.T
    middle = -linear @ inverse
    depth = 1 - (starts**2).sum(axis=1) - (linear * middle).sum(axis=1)
    reach = np.sqrt(np.maximum(depth, 0)[:, None] * np.diag(inverse)) + 1
    first = np.maximum(np.ceil(middle - reach), 0).astype(int)
    size = np.minimum(np.floor(middle + reach), np.asarray(grid.shape) - 1).astype(int) - first + 1
    for index in np.flatnonzero((depth > 0) & (size > 0).all(axis=1)).tolist():
        (i, j), (rows, columns) = first[index], size[index]
        coverage = _coverage(starts[index] + first[index] @ steps, steps, size[index])
        yield index, Cut(slice(i, i + rows), slice(j, j + columns), coverage)


def _coverage(start: np.ndarray, steps: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Fraction of each pixel inside the unit ball, (rows, columns) float32, by the distance f's excess / slope."""
    # Python floats keep the arrays in single precision.
    (rr, rc), (_, cc) = (steps @ steps.T).tolist()
    (r0, c0), depth = (steps @ start).tolist(), 1 - float(start @ start)
    row, column = (np.arange(n, dtype=np.float32) for n in shape)
    excess = ((rr * row + 2 * r0) * row - depth)[:, None] + (cc * column + 2 * c0) * column
    if rc:
        excess += (2 * rc * row)[:, None] * column
    coverage = (excess < 0).astype(np.float32)
    # Only pixels within half a pixel of the surface are partly inside; |slope| / 2 is at most `steep` there.
    steep = math.sqrt(rr + cc)
    i, j = np.nonzero(np.abs(excess) <= steep * (1 + steep))
    slope = 2 * np.hypot(rr * row[i] + rc * column[j] + r0, rc * row[i] + cc * column[j] + c0)
    coverage[i, j] = np.clip(0.5 - excess[i, j] / np.maximum(slope, 1e-12), 0, 1)
    return np.asarray(coverage)


def rod(start: Vector, end: Vector, radius_mm: float, hu: float) -> Ellipsoid:
    """A spindle from `start` to `end`, 24 % longer than their distance so that chained rods overlap."""
    a, b = np.asarray(start), np.asarray(end)
    length = math.dist(start, end)
    # The reflection that maps the x axis onto the rod maps the y and z axes to two directions across it.
    mirror = (b - a) / length - (1, 0, 0)
    reflected = np.eye(3) - np.outer(mirror, mirror) * (2 / max(mirror @ mirror, 1e-12))
    axes = (vector(reflected[0]), vector(reflected[1]), vector(reflected[2]))
    return Ellipsoid(vector((a + b) / 2), (0.62 * length, radius_mm, radius_mm), hu, axes)


def chain(points: np.ndarray, radius_mm: float, hu: float) -> tuple[Ellipsoid, ...]:
    """Rods along a curve, (points, 3) in mm."""
    corners = [vector(p) for p in points]
    return tuple(rod(a, b, radius_mm, hu) for a, b in pairwise(corners))
