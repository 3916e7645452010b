"""Consolidations as in pneumonia: soft-edged opacities made of a few overlapping blobs."""

from dataclasses import dataclass

import numpy as np

from pulmo.phantom.canvas import Canvas, resampled_path
from pulmo.phantom.radiograph import Layers, visible_lungs
from pulmo.phantom.thorax import LEFT, RIGHT, SIDES, Thorax

Box = tuple[int, int, int, int]
"""x, y, width and height in pixels."""

_BLOBS = 9
_THICKNESS, _EDGE = 1.3, (0.1, 0.75)
_BOXED = 0.35
"""The bounding box encloses density above this, relative to a maximum of 1."""
_FULL_LUNG_MM = 60.0
_MIN_BOX_MM = 30.0
_COUNTS, _COUNT_SHARES = (1, 2, 3), (0.45, 0.45, 0.10)
_TRIES = 20


@dataclass(frozen=True, eq=False)
class Consolidation:
    """Overlapping blobs: `blobs_mm` (blobs, 3) are centres (x, y) and radii; `peak_mm` the largest depth of water."""

    blobs_mm: np.ndarray
    peak_mm: float

    def density(self, canvas: Canvas, lungs: np.ndarray) -> np.ndarray:
        """0…1 within the lungs, a mask: (pixels, pixels) float32."""
        blobs = np.zeros(lungs.shape, np.float32)
        for x, y, radius in self.blobs_mm.tolist():
            canvas.add_ellipsoid(blobs, np.array([x, y]), (radius, radius, 0.5), power=1.5)
        density = 1 - np.exp(np.float32(-_THICKNESS) * blobs)
        density /= max(float(density.max()), 1e-6)
        rise = np.clip((density - np.float32(_EDGE[0])) / np.float32(_EDGE[1] - _EDGE[0]), 0, 1)
        return np.asarray(rise * rise * (3 - 2 * rise) * lungs)

    def box(self, canvas: Canvas, thorax: Thorax) -> Box | None:
        """The bounding box of its part beside the heart; None if that is too small."""
        dense = self.density(canvas, visible_lungs(canvas, thorax)) > _BOXED
        rows, columns = np.flatnonzero(dense.any(axis=1)), np.flatnonzero(dense.any(axis=0))
        if min(rows.size, columns.size) < _MIN_BOX_MM * canvas.scale:
            return None
        x, y = int(columns[0]), int(rows[0])
        return x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y

    def __call__(self, layers: Layers) -> None:
        """Draw it; it hides most of the vessels in it."""
        density = self.density(layers.canvas, layers.lungs)
        layers.tissue_mm += (
            np.float32(self.peak_mm) * density * np.minimum(layers.lung_depth_mm / np.float32(_FULL_LUNG_MM), 1)
        )
        layers.aerated *= 1 - np.float32(0.7) * density


def random_consolidations(
    thorax: Thorax, canvas: Canvas, rng: np.random.Generator
) -> tuple[tuple[Consolidation, ...], tuple[Box, ...]]:
    """One to three consolidations with disjoint boxes, the second in the other lung."""
    count = int(rng.choice(_COUNTS, p=_COUNT_SHARES))
    first = int(rng.choice(SIDES))
    found: list[Consolidation] = []
    boxes: list[Box] = []
    for number in range(_TRIES):
        side = (first, -first)[len(found) % 2]
        candidate = _random_consolidation(thorax, side, rng)
        box = candidate.box(canvas, thorax)
        if box and not any(_overlap(box, other) for other in boxes):
            found.append(candidate)
            boxes.append(box)
        if len(found) == count or (found and number > _TRIES // 2):
            break
    return tuple(found), tuple(boxes)


def _random_consolidation(thorax: Thorax, side: int, rng: np.random.Generator) -> Consolidation:
    """At a random position between hilum and chest wall, longer than wide, more often low than high."""
    index = {RIGHT: 0, LEFT: 1}[side]
    hilum, wall = thorax.hila[index], resampled_path(thorax.lungs[index], 100)
    outwards = wall[(side * (wall[:, 0] - hilum[0]) > 20) & (wall[:, 1] > hilum[1] - 75)]
    centre = hilum + rng.uniform(0.3, 0.75) * (outwards[rng.integers(len(outwards))] - hilum)
    size = float(np.clip(rng.lognormal(np.log(25), 0.28), 14, 42))
    offsets = rng.normal(0, 0.55, (_BLOBS, 2)) * size * (0.85, 1.25)
    radii = size * rng.uniform(0.7, 1.3, _BLOBS)
    peak_mm = float(np.clip(rng.lognormal(np.log(38), 0.35), 20, 80))
    return Consolidation(np.column_stack([centre + offsets, radii]), peak_mm)


def _overlap(one: Box, other: Box) -> bool:
    return all(one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2] for axis in (0, 1))
