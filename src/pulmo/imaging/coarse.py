"""A small copy of a scan (about 2.5 mm a voxel), turned upright: where the lungs are found, before they are outlined.

Means over blocks take the noise away, and everything three-dimensional costs a fiftieth.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pulmo.imaging.hounsfield import PADDING_HU, constant_frame
from pulmo.imaging.volume import Volume

_SPACING_MM = 2.5


@dataclass(frozen=True)
class CoarseGrid:
    """Axes upright: (foot to head, front to back, patient's right to left).

    `hu` float32; `measured` is False where any voxel of the block was padding, so that a lung which the field of view
    cuts is not joined to the air outside by a rim of half-filled blocks. `axes` and `flips` lead back to the volume.
    """

    hu: np.ndarray
    measured: np.ndarray
    spacing_mm: tuple[float, float, float]
    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    slices_a_block: int

    @property
    def voxel_litres(self) -> float:
        """The volume of one coarse voxel."""
        return float(np.prod(self.spacing_mm)) / 1e6

    def reach(self, distance_mm: float) -> tuple[int, int, int]:
        """A distance in voxels along each axis, rounded."""
        z, y, x = (round(distance_mm / spacing) for spacing in self.spacing_mm)
        return z, y, x

    def upright(self, array: np.ndarray) -> np.ndarray:
        """From the volume's axes to the upright ones; a view."""
        return _flipped(array.transpose(self.axes), self.flips)

    def as_volume(self, array: np.ndarray) -> np.ndarray:
        """From upright axes to the volume's; still coarse."""
        return np.ascontiguousarray(_flipped(array, self.flips).transpose(np.argsort(self.axes)))


def _flipped(array: np.ndarray, flips: tuple[bool, bool, bool]) -> np.ndarray:
    return array[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]


def coarse_grid(volume: Volume) -> CoarseGrid:
    """Block means of the volume, axes nearest to upright."""
    z, y, x = volume.spacing_mm
    slices, rows, columns = volume.hu.shape
    block = max(1, round(_SPACING_MM / z))
    size = max(1, round(columns * min(1, x / _SPACING_MM))), max(1, round(rows * min(1, y / _SPACING_MM)))
    hu = np.empty((-(-slices // block), size[1], size[0]), np.float32)
    padded = np.zeros(hu.shape, bool)
    padded |= _any_in_block(constant_frame(volume.hu), size)
    for index in range(len(hu)):
        part = volume.hu[index * block : (index + 1) * block]
        small = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in part]
        hu[index] = np.mean(small, axis=0, dtype=np.float32)
        for plane in part:
            if plane.min() == PADDING_HU:
                padded[index] |= _any_in_block(plane == PADDING_HU, size)
    axes, flips = _upright(volume.directions)
    spacing = (z * block, y * rows / size[1], x * columns / size[0])
    grid = CoarseGrid(hu, ~padded, (spacing[axes[0]], spacing[axes[1]], spacing[axes[2]]), axes, flips, block)
    return CoarseGrid(
        np.ascontiguousarray(grid.upright(grid.hu)), grid.upright(grid.measured), grid.spacing_mm, axes, flips, block
    )


def _upright(directions: np.ndarray) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Which array axis runs nearest to head, back and left, and which of them backwards."""
    share = directions[:, ::-1].copy()  # columns now z, y, x
    axes = [0, 0, 0]
    flips = [False, False, False]
    for _ in range(3):
        axis, way = np.unravel_index(np.argmax(np.abs(share)), share.shape)
        axes[way], flips[way] = int(axis), bool(share[axis, way] < 0)
        share[axis, :] = share[:, way] = 0
    return (axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2])


def _any_in_block(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    share: np.ndarray = cv2.resize(mask.view(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA)
    return share > 0
