"""Gas in the body that is not lung: trachea and main bronchi, oesophagus, stomach and bowel."""

from collections.abc import Iterator, Sequence

import cc3d
import cv2
import numpy as np

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.morphology import SQUARE, BoundingBox, bounding_box, dilation, disk, widened

Component = tuple[BoundingBox, np.ndarray]
"""A connected component: its bounding box, and its mask in that, bool."""

_ABOVE_AIR_HU = (100, 75, 50, 25)
"""Successive thresholds, relative to the value of the air around the patient."""
_AIR_HU, _SURELY_AIR_HU = -1000, -900
_PURE_HU = 60
"""Gas has the value of air to within this; lung holds walls and vessels, except in bullae."""
_TISSUE_HU = -500
_RING_MM = (3.0, 6.5)
_WALL_ANYWHERE, _WALL_IN_THE_MIDDLE, _WALL_AT_THE_BASE = 0.7, 0.5, 0.35
_MIDDLE_MM = 60.0
_AIR_BELOW = 0.3
_LEAKING_HU = 80
_WALL_BEYOND_LEAK, _LEAK_AT_THE_BASE = 0.33, 0.3
_SMALLEST_LITRES = 0.002
_MARGIN = 4
"""Voxels; wide enough for the rings."""
_LUMEN_HU, _LUMEN_WINDOW_MM, _LUMEN_WALL = 200, 25.0, 0.6


def find_enclosed_gas(
    grid: CoarseGrid, inside: np.ndarray, level: float, spine: tuple[float, float] | None
) -> np.ndarray:
    """The part of the enclosed air that is gas but not lung, bool (upright axes of the grid).

    Gas is as light as the air outside and has a wall of tissue; the border of lung, however light, is more lung. The
    threshold is lowered until a component has such a wall and has not leaked into the lungs ("explosion control", Mori
    et al., IEEE Trans Med Imaging 2000; 19: 103). Bullae at the ribs have half a wall: that suffices only in the middle
    of the body, where airways are, and at the base, with no lung below.

    `inside` is the enclosed air, bool; `level` the value of air in HU; `spine` its (y, x), for the middle of the body.
    """
    found = np.zeros(inside.shape, bool)
    if inside.any():
        middle = spine[1] if spine else float(np.flatnonzero(inside.any((0, 1))).mean())
        box = widened(bounding_box(inside), max(_MARGIN, *_lumen_window(grid)), inside.shape)
        found[box] = _gas(grid.within(box), inside[box], level, middle - box[2].start)
    return found


def _gas(grid: CoarseGrid, inside: np.ndarray, level: float, middle: float) -> np.ndarray:
    found = np.zeros(inside.shape, bool)
    for above in _ABOVE_AIR_HU:
        for box, part in components(inside & ~found & (grid.hu < level + above), grid, _SMALLEST_LITRES, _MARGIN):
            near = grid.within(box)
            if np.median(near.hu[part]) > level + _PURE_HU:
                continue
            wall, leak = _wall(near, part), _leak(near, part, level + above + _LEAKING_HU)
            centre = box[2].start + np.flatnonzero(part.any((0, 1))).mean()
            central = abs(centre - middle) * grid.spacing_mm[2] < _MIDDLE_MM
            shut_off = wall - leak > _WALL_BEYOND_LEAK and wall > (_WALL_IN_THE_MIDDLE if central else _WALL_ANYWHERE)
            at_the_base = wall > _WALL_AT_THE_BASE and leak < _LEAK_AT_THE_BASE
            if shut_off or (at_the_base and _air_below(inside & ~found, box, part) < _AIR_BELOW):
                found[box] |= part
    return _with_lumen(grid, inside & (grid.hu < level + _LUMEN_HU), found)


def components(mask: np.ndarray, grid: CoarseGrid, smallest_litres: float, margin: int = 0) -> Iterator[Component]:
    """Each component above `smallest_litres`; its bounding box is widened by a margin in the planes."""
    around = bounding_box(mask)
    inside = np.flatnonzero(mask[around])
    if not len(inside):
        return
    labels = cc3d.connected_components(mask[around], connectivity=6)
    label_of = labels.ravel()[inside]
    for label in np.flatnonzero(np.bincount(label_of) * grid.voxel_litres > smallest_litres):
        members = label_of == label
        first, last = inside[members.argmax()], inside[len(inside) - 1 - members[::-1].argmax()]
        # The first and last voxel give the planes; most components span few of them.
        planes = slice(first // labels[0].size, last // labels[0].size + 1)
        in_planes = labels[planes] == label
        tight = bounding_box(in_planes)
        starts = [side.start for side in around]
        starts[0] += planes.start
        box = _moved(tight, starts)
        wide = widened(box, margin, mask.shape)
        part = np.zeros(mask[wide].shape, bool)
        part[_moved(box, [-side.start for side in wide])] = in_planes[tight]
        yield wide, part


def _moved(box: BoundingBox, by: Sequence[int]) -> BoundingBox:
    z, y, x = (slice(side.start + step, side.stop + step) for side, step in zip(box, by, strict=True))
    return z, y, x


def air_outside_hu(grid: CoarseGrid, outside: np.ndarray) -> float:
    """This scanner's value of air: the median around the patient, −1000 where the image shows none."""
    hu = grid.hu[outside & (grid.hu < _SURELY_AIR_HU)]
    return float(np.median(hu)) if hu.size > 0.001 * grid.hu.size else _AIR_HU


def _leak(grid: CoarseGrid, part: np.ndarray, threshold_hu: float) -> float:
    """Fraction of the voxels beside the part, plane by plane, below the threshold: there it has no wall."""
    beside = grid.hu[dilation(part, SQUARE) & ~part & grid.measured]
    return float((beside < threshold_hu).mean()) if beside.size else 0.0


def _wall(grid: CoarseGrid, part: np.ndarray) -> float:
    """Fraction of tissue in a ring around the part, plane by plane."""
    inner, outer = (dilation(part, disk(radius_mm, grid.spacing_mm[1:])) for radius_mm in _RING_MM)
    ring = grid.hu[outer & ~inner & grid.measured]
    return float((ring > _TISSUE_HU).mean()) if ring.size else 0.0


def _air_below(air: np.ndarray, box: BoundingBox, part: np.ndarray) -> float:
    """Fraction of the part's columns with other air below them, towards the feet."""
    lowest = box[0].start + part.argmax(axis=0)
    z = np.arange(box[0].stop)[:, None, None]
    below = (air[: box[0].stop, box[1], box[2]] & (z < lowest)).any(axis=0)
    return float(below[part.any(axis=0)].mean())


def _with_lumen(grid: CoarseGrid, light: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Extended by connected gas mostly surrounded by tissue: bronchi blurred by thick slices, up to the lungs."""
    if not found.any():
        return found
    window = _lumen_window(grid)
    tissue = (grid.hu > _TISSUE_HU).view(np.uint8) * np.uint8(255)
    walled = np.stack([cv2.blur(plane, window) > 255 * _LUMEN_WALL for plane in tissue])
    labels = cc3d.connected_components(found | (light & walled), connectivity=26)
    connected = np.zeros(labels.max() + 1, bool)
    connected[np.unique(labels[found])] = True
    grown: np.ndarray = connected[labels]
    return grown


def _lumen_window(grid: CoarseGrid) -> tuple[int, int]:
    """(columns, rows), both odd."""
    return int(_LUMEN_WINDOW_MM / grid.spacing_mm[2]) | 1, int(_LUMEN_WINDOW_MM / grid.spacing_mm[1]) | 1
