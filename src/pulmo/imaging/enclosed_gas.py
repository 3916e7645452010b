"""Gas in the body that is not lung: windpipe and main bronchi, gullet, stomach and bowel."""

from collections.abc import Iterator

import cc3d
import numpy as np

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.morphology import dilation, disk

_ABOVE_AIR_HU = (100, 80, 60, 45, 30, 15)
"""Thresholds in turn, above the value of the air around the patient."""
_PURE_HU = 55
"""Gas has the value of air to within this; lung holds walls and vessels, which only bullae lack."""
_TISSUE_HU = -500
_RING_MM = (3.0, 6.5)
_TISSUE_AROUND, _TISSUE_AROUND_GUT = 0.5, 0.35
_LUNG_BELOW_GUT = 0.2
_MIDDLE = (0.25, 0.75)
_SMALLEST_LITRES = 0.002
_AIR_HU = -1000


def find_enclosed_gas(grid: CoarseGrid, air: np.ndarray, enclosed: np.ndarray) -> np.ndarray:
    """The part of the enclosed air that is gas but not lung, bool (upright axes of the grid).

    Gas is as light as the air outside and lies in a wall of tissue; lung, however light, lies beside lung. The
    threshold falls until a component has such a wall all around and has not leaked into the lungs ("explosion
    control", Mori et al., IEEE Trans Med Imaging 2000; 19: 103). A bulla below the pleura has half a wall: so a
    component must lie in the middle of the body, as airways do, or have no lung below it, as the gut.
    """
    level = _air_outside_hu(grid, air & ~enclosed)
    inside = air & enclosed
    found = np.zeros(air.shape, bool)
    across = np.flatnonzero(inside.any((0, 1)))
    if not len(across):
        return found
    low, high = (across[0] + share * (across[-1] - across[0]) for share in _MIDDLE)
    for above in _ABOVE_AIR_HU:
        for box, part in components(inside & ~found & (grid.hu < level + above), grid, _SMALLEST_LITRES, margin=4):
            if np.median(grid.hu[box][part]) > level + _PURE_HU:
                continue
            wall = _tissue_around(grid.within(box), part)
            centre = box[2].start + np.flatnonzero(part.any((0, 1))).mean()
            if (wall > _TISSUE_AROUND and low < centre < high) or (
                wall > _TISSUE_AROUND_GUT and _air_below(inside, found, box, part) < _LUNG_BELOW_GUT
            ):
                found[box] |= part
    return found


def components(
    mask: np.ndarray, grid: CoarseGrid, smallest_litres: float, margin: int = 0
) -> Iterator[tuple[tuple[slice, slice, slice], np.ndarray]]:
    """(bounding box, widened by a margin in the planes; mask in it) of each connected component that is not tiny."""
    labels = cc3d.connected_components(mask, connectivity=6)
    found = cc3d.statistics(labels)
    for label in np.flatnonzero(found["voxel_counts"] * grid.voxel_litres > smallest_litres):
        if label:
            z, y, x = found["bounding_boxes"][label]
            box = (z, *(slice(max(0, side.start - margin), side.stop + margin) for side in (y, x)))
            yield box, labels[box] == label


def _air_outside_hu(grid: CoarseGrid, outside: np.ndarray) -> float:
    """What this scanner gives for air: the median around the patient, −1000 where the picture shows none."""
    return float(np.median(grid.hu[outside])) if np.count_nonzero(outside) > 0.001 * outside.size else _AIR_HU


def _tissue_around(grid: CoarseGrid, part: np.ndarray) -> float:
    """The share of tissue in a ring around the part, plane by plane."""
    inner, outer = (dilation(part, disk(radius_mm, grid.spacing_mm[1:])) for radius_mm in _RING_MM)
    ring = grid.hu[outer & ~inner & grid.measured]
    return float((ring > _TISSUE_HU).mean()) if ring.size else 0.0


def _air_below(inside: np.ndarray, found: np.ndarray, box: tuple[slice, slice, slice], part: np.ndarray) -> float:
    """The share of the part's columns below which (towards the feet) there is other enclosed air, gas left out."""
    columns = part.any(axis=0)
    lowest = box[0].start + part.argmax(axis=0)
    z = np.arange(len(inside))[:, None, None]
    other = inside[:, box[1], box[2]] & ~found[:, box[1], box[2]]
    below = (other & (z < lowest)).any(axis=0)
    return float(below[columns].mean())
