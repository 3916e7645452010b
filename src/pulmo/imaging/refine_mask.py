"""Coarse lungs → voxels: the outline at full resolution, holes closed, grown by millimetres."""

from typing import NamedTuple

import cv2
import numpy as np

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.hounsfield import PADDING_HU
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import SegmentationParameters
from pulmo.imaging.morphology import SQUARE, disk
from pulmo.imaging.volume import Volume

_CLOSING_MM, _CLOSING_PIXEL_MM = 5.0, 1.5
_LARGEST_HOLE_MM2 = 800.0
"""Vessels and nodules up to 3 cm are filled; the dome of the diaphragm, which also lies ringed by lung, is not."""


def refine_mask(
    volume: Volume,
    grid: CoarseGrid,
    lungs: np.ndarray,
    other_air: np.ndarray,
    parameters: SegmentationParameters,
    fill_structures: bool,
) -> np.ndarray:
    """Voxels below the threshold in or beside a coarse lung: uint8 labels (slices, rows, columns).

    `lungs` (0, LEFT, RIGHT) and `other_air` lie on the grid; beside means within a coarse voxel (and what closing
    took away), but never in other air. With `fill_structures` vessels, nodules and strands of scar belong to the lung
    around them: gaps up to 10 mm wide are closed, slice by slice and each lung for itself, and larger holes filled.
    """
    kernel = disk(parameters.closing_mm + 1.5 * max(grid.spacing_mm[1:]), grid.spacing_mm[1:])
    near = np.stack([cv2.dilate(plane, kernel) for plane in lungs])
    near = grid.as_volume(np.where(other_air, 0, near))
    labels = np.zeros(volume.hu.shape, np.uint8)
    if not near.any():
        return labels
    near, (rows, columns) = grid.cropped(near, _CLOSING_MM)
    closing = _Closing.of(volume.pixel_spacing_mm)
    largest_hole = _LARGEST_HOLE_MM2 / (volume.pixel_spacing_mm[0] * volume.pixel_spacing_mm[1])
    for index, hu in enumerate(volume.hu):
        place = near[index // grid.block[0]]
        if not place.any():
            continue
        inside = hu[rows, columns]
        air = cv2.inRange(inside, PADDING_HU + 1, parameters.threshold_hu - 1)
        lung = cv2.bitwise_and(grid.magnified(place)[: inside.shape[0], : inside.shape[1]], air)
        if fill_structures:
            dense = (inside > PADDING_HU) & (air == 0)
            for side in (LEFT, RIGHT):
                lung[closing.added_to((lung == side).view(np.uint8)) & dense & (lung == 0)] = side
            _fill_holes(lung, largest_hole)
        labels[index, rows, columns] = lung
    return labels


class _Closing(NamedTuple):
    """Morphological closing of a plane on pixels `shrunk` times as large: at full size it would take a second."""

    shrunk: tuple[int, int]
    kernel: np.ndarray

    @classmethod
    def of(cls, spacing_mm: tuple[float, float]) -> "_Closing":
        rows, columns = (max(1, round(_CLOSING_PIXEL_MM / mm)) for mm in spacing_mm)
        return cls((rows, columns), disk(_CLOSING_MM, (rows * spacing_mm[0], columns * spacing_mm[1])))

    def added_to(self, mask: np.ndarray) -> np.ndarray:
        """What closing adds to a mask (rows, columns), uint8 0 or 1; bool."""
        rows, columns = (-(-length // count) for length, count in zip(mask.shape, self.shrunk, strict=True))
        whole = rows * self.shrunk[0], columns * self.shrunk[1]
        below, beside = whole[0] - mask.shape[0], whole[1] - mask.shape[1]
        padded = cv2.copyMakeBorder(255 * mask, 0, below, 0, beside, cv2.BORDER_REPLICATE)
        small = (cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA) > 127).view(np.uint8)
        closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, self.kernel)
        # Half-filled pixels at the edge stay as they are.
        added = (closed & ~small) | cv2.erode(closed, SQUARE)
        full = cv2.resize(added, whole[::-1], interpolation=cv2.INTER_NEAREST)
        return np.asarray(full[: mask.shape[0], : mask.shape[1]] > 0)


def _fill_holes(labels: np.ndarray, largest: float) -> None:
    contours, hierarchy = cv2.findContours((labels > 0).view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if hierarchy is None:
        return
    for contour, (_, _, _, parent) in zip(contours, hierarchy[0], strict=True):
        # The contour of a hole runs through the pixels around it, so that drawing it filled closes it.
        if parent >= 0 and cv2.contourArea(contour) <= largest:
            (column, row), *_ = contour[:, 0]
            cv2.drawContours(labels, [contour], -1, int(labels[row, column]), cv2.FILLED)


def dilate_mm(mask: np.ndarray, volume: Volume, distance_mm: float) -> np.ndarray:
    """A bool mask (slices, rows, columns) grown by a ball of `distance_mm`, over the true slice positions.

    The tutorial's advice: a mask of air alone misses nodules on the pleura.
    """
    grown = np.zeros(mask.shape, np.uint8)
    for index, position in enumerate(volume.positions_mm):
        for other in np.flatnonzero(np.abs(volume.positions_mm - position) <= distance_mm):
            height = volume.positions_mm[other] - position
            kernel = disk(float(np.sqrt(distance_mm**2 - height**2)), volume.pixel_spacing_mm)
            grown[index] |= cv2.dilate(mask[other].view(np.uint8), kernel)
    return grown.view(bool)
