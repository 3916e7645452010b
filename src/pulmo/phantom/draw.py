"""Renders a body on a voxel grid: Hounsfield units, and the true lung mask."""

from collections.abc import Callable, Iterable

import numpy as np

from pulmo.phantom.chest import AIR, Body
from pulmo.phantom.fibrosis import Fibrosis
from pulmo.phantom.geometry import Grid
from pulmo.phantom.shapes import Ellipsoid, cuts

LEFT, RIGHT = 1, 2


def draw(body: Body, grid: Grid, seed: int = 0, noise_sd: float = 0.0) -> np.ndarray:
    """Hounsfield units, (slices, rows, columns) int16.

    Pixels on a boundary are in-plane averages of both sides; slices are infinitely thin. `noise_sd` is the scanner's
    noise in HU. The same seed gives the same disease on every grid, and the same noise on the same grid.
    """
    hu = np.full(grid.volume_shape, AIR, dtype=np.float32)
    paint(hu, grid, (*body.table, *body.surroundings))
    for lung, rng in zip(body.lungs, np.random.default_rng(seed).spawn(2), strict=False):
        if body.fibrosis:
            _paint_texture(hu, grid, lung, Fibrosis(lung, body.fibrosis, rng).hu)
        else:
            paint(hu, grid, [lung])
    paint(hu, grid, body.vessels)
    return _digitise(hu, np.random.default_rng([seed, 1]), noise_sd)


def lung_labels(body: Body, grid: Grid) -> np.ndarray:
    """True labels: `LEFT` or `RIGHT` where a voxel's centre is in that lung, else 0; (slices, rows, columns) uint8."""
    labels = np.zeros(grid.volume_shape, dtype=np.uint8)
    for lung, label in ((body.left, LEFT), (body.right, RIGHT)):
        for index, cut in cuts(lung, grid) if lung else ():
            labels[index, cut.rows, cut.columns][cut.coverage > 0.5] = label
    return labels


def paint(hu: np.ndarray, grid: Grid, shapes: Iterable[Ellipsoid]) -> None:
    """Draw shapes onto a float32 volume (slices, rows, columns), in order."""
    for shape in shapes:
        for index, cut in cuts(shape, grid):
            region = hu[index, cut.rows, cut.columns]
            region += cut.coverage * (np.float32(shape.hu) - region)


def _paint_texture(hu: np.ndarray, grid: Grid, shape: Ellipsoid, texture: Callable[[np.ndarray], np.ndarray]) -> None:
    down, right = (np.asarray(d) * mm for d, mm in zip((grid.down, grid.right), grid.pixel_mm, strict=True))
    origins = grid.origins
    for index, cut in cuts(shape, grid):
        i, j = np.nonzero(cut.coverage)
        coverage = cut.coverage[i, j]
        i, j = i + cut.rows.start, j + cut.columns.start
        inside = texture(origins[index] + i[:, None] * down + j[:, None] * right)
        hu[index, i, j] += coverage * (inside - hu[index, i, j])


def _digitise(hu: np.ndarray, rng: np.random.Generator, noise_sd: float) -> np.ndarray:
    """Add noise and round, slice by slice to save memory."""
    digital = np.empty(hu.shape, dtype=np.int16)
    for index, smooth in enumerate(hu):
        noise = np.float32(noise_sd) * rng.standard_normal(smooth.shape, dtype=np.float32) if noise_sd else 0
        digital[index] = np.clip(np.rint(smooth + noise), -1024, 3071)
    return digital
