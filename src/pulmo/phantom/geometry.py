"""The geometry of a series' voxels, in patient coordinates: millimetres in DICOM's LPS (x to the left, y to the back,
z to the head)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

Vector = tuple[float, float, float]

CENTRE: Vector = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Grid:
    """The voxel centres of a stack of parallel slices.

    `slice_mm` are the positions of the slices along the slice normal, relative to `centre_mm`, in the order of the
    files: any order, spacing, gaps and repeats. `shape` is (rows, columns) and `pixel_mm` the distance between
    (rows, columns), as in DICOM's Pixel Spacing. `right` is the unit vector in which the column index grows, `down`
    that in which the row index grows. `advance` is the unit vector of the table feed, along which image positions
    advance: the slice normal, unless the gantry is tilted. The centre of the slice at 0 mm is `centre_mm`.
    """

    slice_mm: tuple[float, ...]
    shape: tuple[int, int]
    pixel_mm: tuple[float, float]
    right: Vector = (1.0, 0.0, 0.0)
    down: Vector = (0.0, 1.0, 0.0)
    advance: Vector = (0.0, 0.0, 1.0)
    centre_mm: Vector = CENTRE

    @property
    def slice_normal(self) -> np.ndarray:
        """Unit vector (3,) across the slices: right × down."""
        return np.asarray(np.cross(self.right, self.down))

    @property
    def tilt_degrees(self) -> float:
        """Gantry/Detector Tilt: the slice normal's angle to the table; positive when `down` points to the feet."""
        sine = -float(np.dot(self.down, self.advance))
        return math.degrees(math.asin(max(-1.0, min(1.0, sine))))

    @property
    def volume_shape(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        return len(self.slice_mm), *self.shape

    @cached_property
    def origins(self) -> np.ndarray:
        """Image Position (Patient) of every slice: the centre of its first voxel, (slices, 3) in mm."""
        along = np.asarray(self.slice_mm) / np.dot(self.slice_normal, self.advance)
        half_rows, half_columns = ((n - 1) / 2 * mm for n, mm in zip(self.shape, self.pixel_mm, strict=True))
        corner = np.asarray(self.centre_mm) - half_rows * np.asarray(self.down) - half_columns * np.asarray(self.right)
        return np.asarray(corner + along[:, None] * np.asarray(self.advance))

    def points(self, index: int) -> np.ndarray:
        """Centres of the voxels of slice `index`, (rows, columns, 3) in mm."""
        rows, columns = (np.arange(n) * mm for n, mm in zip(self.shape, self.pixel_mm, strict=True))
        return np.asarray(
            self.origins[index]
            + rows[:, None, None] * np.asarray(self.down)
            + columns[None, :, None] * np.asarray(self.right)
        )

    def reversed(self) -> "Grid":
        """The same slices, last file first."""
        return replace(self, slice_mm=self.slice_mm[::-1])

    def without(self, missing: Iterable[int]) -> "Grid":
        """The same series without the slices of these indices."""
        lost = set(missing)
        return replace(self, slice_mm=tuple(mm for i, mm in enumerate(self.slice_mm) if i not in lost))

    def rotated(self, degrees: float, about: Vector) -> "Grid":
        """The grid rotated about an axis through its centre, with the table: an oblique series."""
        rotation = _rotation(degrees, about)
        right, down, advance = (vector(rotation @ np.asarray(v)) for v in (self.right, self.down, self.advance))
        return replace(self, right=right, down=down, advance=advance)


def axial(
    slice_mm: Sequence[float],
    shape: tuple[int, int] = (256, 256),
    pixel_mm: float | tuple[float, float] = 1.5,
    centre_mm: Vector = CENTRE,
    tilt_degrees: float = 0.0,
) -> Grid:
    """An axial series of a supine patient.

    With a tilted gantry the slices are rotated about x while the table moves along z: `slice_mm` are distances along
    the slice normal, and image positions are farther apart by 1 / cos(tilt).
    """
    tilt = math.radians(tilt_degrees)
    pixel = pixel_mm if isinstance(pixel_mm, tuple) else (pixel_mm, pixel_mm)
    down = (0.0, math.cos(tilt), -math.sin(tilt))
    return Grid(tuple(map(float, slice_mm)), shape, pixel, down=down, centre_mm=centre_mm)


def evenly(slices: int, spacing_mm: float) -> tuple[float, ...]:
    """Slice positions, `spacing_mm` apart from feet to head, centred on 0."""
    return tuple(((np.arange(slices) - (slices - 1) / 2) * spacing_mm).tolist())


def _rotation(degrees: float, about: Vector) -> np.ndarray:
    """Rodrigues' rotation matrix (3, 3)."""
    axis = np.asarray(about) / np.linalg.norm(about)
    cross = np.cross(np.eye(3), axis)
    angle = math.radians(degrees)
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross)


def vector(array: np.ndarray) -> Vector:
    """Three numbers of an array (3,)."""
    x, y, z = array.tolist()
    return x, y, z
