"""Refines coarse lungs to full resolution, fills holes, and dilates masks in millimetres."""

from typing import NamedTuple

import cv2
import numpy as np

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.hounsfield import HIGHEST_HU, PADDING_HU
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import SegmentationParameters
from pulmo.imaging.morphology import SQUARE, disk
from pulmo.imaging.volume import Volume

_CLOSING_MM, _CLOSING_PIXEL_MM = 5.0, 2.0
_LARGEST_HOLE_MM2 = 800.0
"""Vessels and nodules up to 3 cm are filled; the dome of the diaphragm, which lung also surrounds, is not."""


def refine_mask(
    volume: Volume,
    grid: CoarseGrid,
    lungs: np.ndarray,
    other_air: np.ndarray,
    parameters: SegmentationParameters,
    fill_structures: bool,
) -> np.ndarray:
    """Voxels below the threshold in or beside a coarse lung: uint8 labels (slices, rows, columns).

    `lungs` (0, LEFT, RIGHT) and `other_air` are on the grid; beside means within a coarse voxel (plus the radius of the
    closing), but never in other air. With `fill_structures` vessels, nodules and scars are included in the surrounding
    lung: gaps up to 10 mm wide are closed, slice by slice and lung by lung, and larger holes filled.
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
    for index, hu in enumerate(volume.hu[:, rows, columns]):
        coarse, nth = divmod(index, grid.block[0])
        if not near[coarse].any():
            continue
        if nth == 0:
            place = grid.magnified(near[coarse])[: hu.shape[0], : hu.shape[1]]
        lung = cv2.bitwise_and(place, cv2.inRange(hu, PADDING_HU + 1, parameters.threshold_hu - 1))
        if fill_structures and cv2.countNonZero(lung):
            dense = cv2.inRange(hu, parameters.threshold_hu, HIGHEST_HU)
            cv2.max(lung, cv2.bitwise_and(closing.added_to(lung), dense), dst=lung)
            _fill_holes(lung, largest_hole)
        labels[index, rows, columns] = lung
    return labels


class _Closing(NamedTuple):
    """Morphological closing of a plane subsampled to about 2 mm: at full size it would take a second."""

    steps: tuple[int, int]
    kernel: np.ndarray

    @classmethod
    def of(cls, spacing_mm: tuple[float, float]) -> "_Closing":
        rows, columns = (max(1, round(_CLOSING_PIXEL_MM / mm)) for mm in spacing_mm)
        return cls((rows, columns), disk(_CLOSING_MM, (rows * spacing_mm[0], columns * spacing_mm[1])))

    def added_to(self, labels: np.ndarray) -> np.ndarray:
        """Pixels that closing adds to each lung, uint8 labels (rows, columns), without the half-filled edges."""
        rows, columns = self.steps
        small = labels[rows // 2 :: rows, columns // 2 :: columns]
        added = np.zeros(small.shape, np.uint8)
        for side in (LEFT, RIGHT):
            # OpenCV's bitwise operations with a scalar take longer than the closing.
            lung = (small == side).view(np.uint8)
            if lung.any():
                closed = cv2.morphologyEx(lung, cv2.MORPH_CLOSE, self.kernel)
                fresh = (closed ^ lung) | cv2.erode(closed, SQUARE)
                np.maximum(added, fresh * np.uint8(side), out=added)
        y, x = (
            np.minimum(np.arange(length) // step, there - 1)
            for length, step, there in zip(labels.shape, self.steps, small.shape, strict=True)
        )
        return added.take(x, axis=1).take(y, axis=0)


def _fill_holes(labels: np.ndarray, largest: float) -> None:
    contours, hierarchy = cv2.findContours((labels > 0).view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if hierarchy is None:
        return
    for contour, (_, _, _, parent) in zip(contours, hierarchy[0], strict=True):
        # The contour of a hole runs through the pixels around it, so drawing it filled closes the hole.
        if parent >= 0 and cv2.contourArea(contour) <= largest:
            (column, row), *_ = contour[:, 0]
            cv2.drawContours(labels, [contour], -1, int(labels[row, column]), cv2.FILLED)


def dilate_mm(mask: np.ndarray, volume: Volume, distance_mm: float) -> np.ndarray:
    """Dilation of a bool mask (slices, rows, columns) by a ball of `distance_mm`, using the true slice positions.

    Recommended by the tutorial: a mask of air alone misses nodules on the pleura.
    """
    dilated = np.zeros(mask.shape, np.uint8)
    for index, position in enumerate(volume.positions_mm):
        for other in np.flatnonzero(np.abs(volume.positions_mm - position) <= distance_mm):
            height = volume.positions_mm[other] - position
            kernel = disk(float(np.sqrt(distance_mm**2 - height**2)), volume.pixel_spacing_mm)
            dilated[index] |= cv2.dilate(mask[other].view(np.uint8), kernel)
    return dilated.view(bool)
