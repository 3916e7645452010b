"""Which part of the air in the chest is windpipe and main bronchi."""

import cc3d
import numpy as np

from pulmo.imaging.coarse import CoarseGrid

_LARGEST_LITRES, _SMALLEST_LITRES = 0.15, 0.002
_SHORTEST_MM = 25.0


def find_airways(grid: CoarseGrid, air: np.ndarray) -> np.ndarray:
    """Air → the part of it that is windpipe and main bronchi, bool (upright axes of the grid).

    Region growing whose threshold falls until what it holds can be airways and has not leaked into the lungs
    ("explosion control", Mori et al., IEEE Trans Med Imaging 2000; 19: 103). Nothing is found where the scan begins
    below the fork, or resolves no lumen: then nothing has to be removed.
    """
    for threshold in (-900.0, -920.0, -940.0, -955.0, -970.0, -985.0):
        labels, count = cc3d.connected_components(air & (grid.hu < threshold), connectivity=6, return_N=True)
        if not count:
            break
        litres = np.bincount(labels.ravel(), minlength=count + 1) * grid.voxel_litres
        litres[0] = 0
        boxes = cc3d.statistics(labels)["bounding_boxes"]
        tubes = [
            label
            for label in np.flatnonzero((litres > _SMALLEST_LITRES) & (litres < _LARGEST_LITRES))
            if _is_windpipe(grid, air, boxes[label])
        ]
        if tubes:
            longest = max(tubes, key=lambda label: boxes[label][0].stop - boxes[label][0].start)
            found: np.ndarray = labels == longest
            return found
    return np.zeros(air.shape, bool)


def _is_windpipe(grid: CoarseGrid, air: np.ndarray, box: tuple[slice, slice, slice]) -> bool:
    """Long, narrow where it enters from above, near the midline, and reaching above the middle of the lungs."""
    z, _, x = box
    if (z.stop - z.start) * grid.spacing_mm[0] < _SHORTEST_MM:
        return False
    occupied_z = np.flatnonzero(air.any((1, 2)))
    occupied_x = np.flatnonzero(air.any((0, 1)))
    left, right = np.quantile(occupied_x, [0.25, 0.75])
    upper = z.stop > np.quantile(occupied_z, 0.6)
    central = left < (x.start + x.stop) / 2 < right
    return bool(upper and central)
