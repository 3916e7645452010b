"""Labels left and right lung, and separates them where they touch."""

from functools import reduce

import cc3d
import numpy as np
from scipy import ndimage

from pulmo.imaging.morphology import disk, erosion

LEFT, RIGHT = 1, 2
_SECOND_LUNG = 0.15
"""Smallest volume of the smaller lung, as a fraction of the larger."""
_BOTH_SIDES = 0.3
"""A component with more than this fraction on either side of the midline is two lungs."""
_DEEPEST_EROSION_MM = 12.0


def left_and_right(part: np.ndarray, spacing_mm: tuple[float, float, float], midline: float) -> np.ndarray:
    """LEFT or RIGHT in the patient's sense for a component of lung, bool → uint8, upright axes; undefined outside it.

    `midline` is the body's middle along x, in voxels. A component on one side is one lung, labelled by its centre; one
    on both sides is eroded until it splits in two, and every voxel gets the label of the nearest of those.
    """
    x = np.arange(part.shape[2])
    profile = part.sum((0, 1))
    share_right = np.average(x < midline, weights=profile)
    seeds = _two_cores(part, spacing_mm[1:]) if 0.1 < share_right < 0.9 else None
    if seeds is None:
        # Two lungs that erosion does not separate are divided at the midline.
        two = _BOTH_SIDES < share_right < 1 - _BOTH_SIDES
        place = np.broadcast_to(x, part.shape) if two else np.full(part.shape, np.average(x, weights=profile))
        return np.where(place >= midline, np.uint8(LEFT), np.uint8(RIGHT))
    nearest = ndimage.distance_transform_edt(seeds == 0, spacing_mm, return_distances=False, return_indices=True)
    found: np.ndarray = seeds[tuple(nearest)]
    return found


def _two_cores(part: np.ndarray, in_plane: tuple[float, float]) -> np.ndarray | None:
    """LEFT and RIGHT seeds where erosion separates the two lungs; None if it never does. `in_plane`: spacing, mm."""
    for radius_mm in np.arange(min(in_plane), _DEEPEST_EROSION_MM, min(in_plane)):
        core = erosion(part, disk(float(radius_mm), in_plane))
        labels, count = cc3d.connected_components(core, connectivity=6, return_N=True)
        if count < 2:
            continue
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        sizes[0] = 0
        first, second = np.argsort(sizes)[-1:-3:-1]
        if sizes[second] < _SECOND_LUNG * sizes[first]:
            continue
        centres = [np.flatnonzero((labels == label).any((0, 1))).mean() for label in (first, second)]
        left, right = (first, second) if centres[0] > centres[1] else (second, first)
        return np.select([labels == left, labels == right], [np.uint8(LEFT), np.uint8(RIGHT)], np.uint8(0))
    return None


def labelled_window(labels: np.ndarray, sides: int = LEFT | RIGHT) -> tuple[slice, slice]:
    """Rows and columns of the bounding box of the lungs, or of one, in labels (slices, rows, columns)."""
    used = reduce(np.bitwise_or, labels) & sides
    rows, columns = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    return (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if len(rows) else (slice(0), slice(0))
