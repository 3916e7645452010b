"""Isotropic resampling of a scan for networks; statistics are computed on native voxels."""

from dataclasses import dataclass

import cv2
import numpy as np

from pulmo.imaging.hounsfield import LOWEST_HU
from pulmo.imaging.volume import Volume, times

_STRAIGHT = 0.01
"""Slices shifted by less than this many pixels are not corrected for tilt."""


@dataclass(frozen=True)
class Resampled:
    """`hu` int16 (slices, rows, columns) and the actual spacing in mm, which differs from the target by rounding.

    The first slice is at the volume's first; rows and columns cover the image from edge to edge.
    """

    hu: np.ndarray
    spacing_mm: tuple[float, float, float]

    def __repr__(self) -> str:
        return f"Resampled({times(self.hu.shape)} voxels of {times(self.spacing_mm)} mm (slices, rows, columns))"


def resample(volume: Volume, spacing_mm: float = 1.0) -> Resampled:
    """Linear resampling to cubes of about `spacing_mm`, by true slice positions (gaps and tilt corrected).

    Padding becomes −1024, air. Downsampling by two or more averages over areas, which avoids aliasing.
    """
    rows, columns = volume.hu.shape[1:]
    y, x = volume.pixel_spacing_mm
    size = max(1, round(columns * x / spacing_mm)), max(1, round(rows * y / spacing_mm))
    length = float(volume.positions_mm[-1] - volume.positions_mm[0])
    count = max(1, round(length / spacing_mm)) + 1
    heights = np.linspace(volume.positions_mm[0], volume.positions_mm[-1], count)
    above = np.clip(np.searchsorted(volume.positions_mm, heights), 1, len(volume.positions_mm) - 1)
    below = above - 1
    share = (heights - volume.positions_mm[below]) / (volume.positions_mm[above] - volume.positions_mm[below])
    planes = _Planes(volume, size)
    hu = np.empty((count, size[1], size[0]), np.int16)
    for index in range(count):
        lower, upper = planes[below[index]], planes[above[index]]
        cv2.addWeighted(lower, 1 - share[index], upper, share[index], 0, dst=hu[index])
    return Resampled(hu, (length / (count - 1), rows * y / size[1], columns * x / size[0]))


class _Planes:
    """The volume's slices at the new size, tilt corrected; the last two are cached, as each is used several times."""

    def __init__(self, volume: Volume, size: tuple[int, int]) -> None:
        self._volume, self._size = volume, size
        self._cached: dict[int, np.ndarray] = {}

    def __getitem__(self, index: int) -> np.ndarray:
        if index not in self._cached:
            self._cached = {known: plane for known, plane in self._cached.items() if known == index - 1}
            self._cached[index] = self._resized(index)
        return self._cached[index]

    def _resized(self, index: int) -> np.ndarray:
        plane = np.maximum(
            self._volume.hu[index], np.int16(LOWEST_HU)
        )  # interpolation would spread padding to its neighbours
        middle = self._volume.shear_mm.mean(axis=0)
        down, right = (self._volume.shear_mm[index] - middle) / self._volume.pixel_spacing_mm
        if abs(down) > _STRAIGHT or abs(right) > _STRAIGHT:
            shift = np.array([[1, 0, right], [0, 1, down]])
            whole = plane.shape[1], plane.shape[0]
            plane = cv2.warpAffine(plane, shift, whole, flags=cv2.INTER_LINEAR, borderValue=LOWEST_HU)
        shrinks = plane.shape[0] >= 2 * self._size[1] or plane.shape[1] >= 2 * self._size[0]
        resized: np.ndarray = cv2.resize(
            plane, self._size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
        return resized
