"""The smooth outer contour of the lungs, with dense disease at the pleura that a threshold in HU excludes.

A rolling ball along the inside of the ribs bridges it (Armato et al., Radiographics 1999; 19: 1303). Volumes and mean
densities exclude it; the fractions of ground glass and consolidation include it.
"""

import cv2
import numpy as np

from pulmo.imaging.downsample import downsample
from pulmo.imaging.hounsfield import HIGHEST_HU, LOWEST_HU
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import LUNG_BELOW_HU, ChestAir, find_chest_air
from pulmo.imaging.morphology import bounding_box, closing, disk
from pulmo.imaging.volume import Volume

_BALL_MM = 15.0
_DENSEST_HU = 150
"""Denser voxels are bone or contrast medium."""
_RAYS = 360
_RAY_WIDTH = 3
"""Degrees to either side."""
_NEIGHBOURS = (np.arange(_RAYS)[:, None] + np.arange(-_RAY_WIDTH, _RAY_WIDTH + 1)) % _RAYS


def outer_contour(volume: Volume, labels: np.ndarray) -> np.ndarray:
    """`LungMask.labels` extended to the outer contour, accurate to a coarse voxel: uint8 (slices, rows, columns)."""
    grid = downsample(volume)
    edge = grid.as_volume(edge_of_lungs(find_chest_air(grid), grid.sampled(labels)))
    contour = labels.copy()
    for index, hu in enumerate(volume.hu):
        added = edge[index // grid.block[0]]
        if added.any():
            wide = grid.magnified(added)[: hu.shape[0], : hu.shape[1]]
            contour[index] = np.where((contour[index] == 0) & (hu >= LUNG_BELOW_HU), wide, contour[index])
    return contour


def edge_of_lungs(chest: ChestAir, small: np.ndarray) -> np.ndarray:
    """Tissue that the contour adds, uint8 labels; `small` are the lungs' labels; both on the grid, axes upright.

    Each lung is closed by a disc, plane by plane; added tissue counts only where lung lies between it and the middle of
    the chest, which excludes hilum and heart.
    """
    edge = np.zeros_like(small)
    if not small.any():
        return edge
    box = bounding_box(small > 0)
    chest, lungs, inside = chest.within(box), small[box], edge[box]
    grid = chest.grid
    kernel = disk(_BALL_MM, grid.spacing_mm[1:])
    tissue = (grid.hu >= LUNG_BELOW_HU) & (grid.hu < _DENSEST_HU) & grid.measured & (lungs == 0)
    middle_x = chest.spine[1] if chest.spine else lungs.shape[2] / 2
    ray, distance = _rays(lungs.shape[1:], grid.spacing_mm[1:], lungs.shape[1] / 2, middle_x)
    for index, plane in enumerate(lungs):
        for side in (LEFT, RIGHT):
            lung = cv2.inRange(plane, side, side)
            if not cv2.countNonZero(lung):
                continue
            added = (closing(lung, kernel) > 0) & tissue[index]
            if added.any():
                nearest = _nearest(ray[lung > 0], distance[lung > 0])
                inside[index][added & (distance > nearest[ray])] = side
    return edge


def edge_histogram(chest: ChestAir, edge: np.ndarray) -> np.ndarray:
    """Litres at each whole HU from −1024 to 3071, (4096,), of block means."""
    hu = np.maximum(chest.grid.hu[edge > 0], LOWEST_HU).astype(np.int64) - LOWEST_HU
    return np.bincount(hu, minlength=HIGHEST_HU - LOWEST_HU + 1) * chest.grid.voxel_litres


def _rays(
    shape: tuple[int, ...], spacing_mm: tuple[float, float], middle_y: float, middle_x: float
) -> tuple[np.ndarray, np.ndarray]:
    """Direction from the middle, in whole degrees, and distance in mm, of each pixel of a plane."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    down, right = (y - middle_y) * spacing_mm[0], (x - middle_x) * spacing_mm[1]
    degrees = np.degrees(np.arctan2(down, right)) % _RAYS
    return degrees.astype(np.int64) % _RAYS, np.hypot(down, right)


def _nearest(ray: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Smallest distance of the lung from the middle in each direction, or a few degrees beside it, (360,)."""
    nearest = np.full(_RAYS, np.inf)
    np.minimum.at(nearest, ray, distance)
    return np.asarray(nearest[_NEIGHBOURS].min(axis=1))
