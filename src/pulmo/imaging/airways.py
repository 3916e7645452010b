"""Which part of the air in the chest is windpipe and main bronchi."""

import cc3d
import numpy as np

from pulmo.imaging.downsample import CoarseGrid

_THRESHOLDS_HU = (-900.0, -920.0, -940.0, -955.0, -970.0, -985.0)
_LARGEST_LITRES, _SMALLEST_LITRES = 0.15, 0.002
_SHORTEST_MM = 25.0


def find_airways(grid: CoarseGrid, air: np.ndarray) -> np.ndarray:
    """The lungs' air → the part of it that is windpipe and main bronchi, bool (upright axes of the grid).

    Region growing whose threshold falls until what it holds can be airways and has not leaked into the lungs
    ("explosion control", Mori et al., IEEE Trans Med Imaging 2000; 19: 103). Nothing is found where the scan begins
    below the fork, or resolves no lumen: then nothing has to be removed.
    """
    found = np.zeros(air.shape, bool)
    for threshold in _THRESHOLDS_HU:
        labels = cc3d.connected_components(air & (grid.hu < threshold), connectivity=6)
        tubes = cc3d.statistics(labels)
        litres = tubes["voxel_counts"] * grid.voxel_litres
        candidates = [
            label
            for label in np.flatnonzero((litres > _SMALLEST_LITRES) & (litres < _LARGEST_LITRES))
            if label and _is_windpipe(grid, air.shape, tubes["bounding_boxes"][label])
        ]
        if candidates:
            heights = [tubes["bounding_boxes"][label][0] for label in candidates]
            longest = max(zip(heights, candidates, strict=True), key=lambda tube: tube[0].stop - tube[0].start)[1]
            found = labels == longest
            break
    return found


def _is_windpipe(grid: CoarseGrid, shape: tuple[int, ...], tube: tuple[slice, slice, slice]) -> bool:
    """Long, near the midline, and reaching above the middle of the lungs, around which the grid is cut."""
    z, _, x = tube
    depth, _, width = shape
    long = (z.stop - z.start) * grid.spacing_mm[0] >= _SHORTEST_MM
    upper = z.stop > 0.6 * depth
    central = 0.25 * width < (x.start + x.stop) / 2 < 0.75 * width
    return bool(long and upper and central)
