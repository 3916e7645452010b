"""One CT scan as an array in Hounsfield units, with its geometry."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pulmo.errors import Fault, ScanError
from pulmo.imaging.hounsfield import HIGHEST_HU, PADDING_HU, constant_frame, to_hounsfield
from pulmo.imaging.pixels import read_pixels
from pulmo.imaging.placing import counted, slice_normal
from pulmo.imaging.series import MIN_SLICES, Stack

_MAX_VOXELS = 1 << 31
_MAX_THREADS = 8
_AIR_HU = -850
"""The minimum of any scan that shows air is lower."""


@dataclass(frozen=True)
class Volume:
    """A scan; axes are always (slices, rows, columns).

    `hu` is int16, with PADDING_HU for padding. `positions_mm` (slices,) rises along the slice normal
    and may be uneven. `directions` (3, 3) are the unit vectors, in the patient's coordinates (x to the left, y to
    the back, z to the head), along which the slice, row and column index grow. `shear_mm` (slices, 2) is how far
    each slice is shifted down its columns and along its rows relative to the first: not zero for a tilted gantry.
    `source` names the folder, for messages. `origin_mm` is the centre of the first voxel in the scanner's coordinates,
    whose axes are the patient's; `thickness_mm` is SliceThickness, 0 where it is not known.
    """

    hu: np.ndarray
    positions_mm: np.ndarray
    pixel_spacing_mm: tuple[float, float]
    directions: np.ndarray
    shear_mm: np.ndarray
    repairs: tuple[str, ...]
    source: str
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    thickness_mm: float = 0.0

    def __repr__(self) -> str:
        lowest = self.hu.min(where=self.hu != PADDING_HU, initial=HIGHEST_HU)
        span = f"{lowest} … {self.hu.max()} HU"
        return f"Volume({times(self.hu.shape)} voxels of {times(self.spacing_mm)} mm (slices, rows, columns), {span})"

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """(slices, rows, columns); the median distance between slices."""
        return (median_step(self.positions_mm), *self.pixel_spacing_mm)

    @property
    def mean_step_mm(self) -> float:
        """The mean distance between neighbouring slices."""
        return float(self.positions_mm[-1] - self.positions_mm[0]) / (len(self.positions_mm) - 1)

    @property
    def extents_mm(self) -> np.ndarray:
        """(slices,) extent of each slice along the normal, between the midpoints to its neighbours."""
        steps = np.diff(self.positions_mm)
        median = median_step(self.positions_mm)
        extents: np.ndarray = (np.concatenate([[median], steps]) + np.concatenate([steps, [median]])) / 2
        return extents

    @property
    def voxel_litres(self) -> np.ndarray:
        """(slices,) the volume of one voxel of each slice."""
        return self.extents_mm * self.pixel_spacing_mm[0] * self.pixel_spacing_mm[1] / 1e6


def times(lengths: Iterable[float]) -> str:
    """Lengths along the axes in words: `133 × 512 × 512`."""
    return " × ".join(f"{length:.4g}" for length in lengths)


def median_step(positions_mm: np.ndarray) -> float:
    """The median distance between neighbouring slices."""
    return float(np.median(np.diff(positions_mm)))


def assemble(stack: Stack) -> Volume:
    """Reads the pixels of a stack.

    Raises ScanError for fewer than three slices, no pixel spacing, no rescale intercept, truncated or undecodable
    pixels, or more than 2³¹ voxels.
    """
    first = stack.slices[0]
    _check(stack)
    hu = np.empty((len(stack.slices), first.rows, first.columns), np.int16)

    def read(index: int) -> None:
        header = stack.slices[index]
        hu[index] = to_hounsfield(read_pixels(header), header)

    with ThreadPoolExecutor(_threads()) as pool:
        list(pool.map(read, range(len(stack.slices))))
    repairs = (*stack.repairs, *_unscaled(stack, hu))
    value = int(hu[0, 0, 0])
    if value != PADDING_HU and (fill := constant_frame(hu)).any():
        repairs += (f"constant value of {value} HU around the image treated as padding",)
        hu[:, fill] = PADDING_HU
    row_direction, column_direction = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    positions = np.array([header.position_mm for header in stack.slices])
    shifts = positions - positions[0]
    return Volume(
        hu=hu,
        positions_mm=stack.positions_mm,
        pixel_spacing_mm=(first.pixel_spacing_mm[0], first.pixel_spacing_mm[1]),
        directions=np.stack([slice_normal(first.orientation), column_direction, row_direction]),
        shear_mm=np.stack([shifts @ column_direction, shifts @ row_direction], axis=1),
        repairs=repairs,
        source=str(first.path.parent),
        origin_mm=(positions[0, 0], positions[0, 1], positions[0, 2]),
        thickness_mm=float(np.median([header.thickness_mm for header in stack.slices])),
    )


def _unscaled(stack: Stack, hu: np.ndarray) -> list[str]:
    """The repair where a RescaleIntercept is missing: stored values that reach air's are taken as Hounsfield units.

    Raises ScanError where they do not, or other slices have one.
    """
    missing = [header for header in stack.slices if not header.has_intercept]
    if not missing:
        return []
    others = next((header for header in stack.slices if header.has_intercept), None)
    if others is not None:
        what = f"RescaleIntercept is missing ({others.path.name} has {others.intercept:g})"
    elif (lowest := int(hu.min(where=hu > PADDING_HU, initial=HIGHEST_HU))) > _AIR_HU:
        what = f"RescaleIntercept is missing, and no pixel is as low as air (the lowest value is {lowest})"
    else:
        return ["RescaleIntercept is missing: stored values taken as Hounsfield units, as they reach that of air"]
    remedy = "Export the series again with its rescale tags, or write RescaleIntercept (usually -1024) into each file"
    raise ScanError(Fault(str(missing[0].path), what, remedy))


def _threads() -> int:
    """Reading and decoding release the GIL; one thread where each core already has a process (`map_items`)."""
    return 1 if os.environ.get("OMP_NUM_THREADS") == "1" else min(os.cpu_count() or 1, _MAX_THREADS)


def _check(stack: Stack) -> None:
    first, count = stack.slices[0], len(stack.slices)
    folder = str(first.path.parent)
    if count < MIN_SLICES:
        raise ScanError(
            Fault(
                folder,
                f"only {counted(count, 'slice')} found; a series needs at least {MIN_SLICES}",
                "Give the whole series",
            )
        )
    if not first.pixel_spacing_mm:
        what = "no PixelSpacing, which lengths and volumes depend on"
        raise ScanError(Fault(str(first.path), what, "Export the series again"))
    if count * first.rows * first.columns > _MAX_VOXELS:
        what = f"{count} slices of {first.rows} × {first.columns} are too many for one series"
        raise ScanError(Fault(folder, what, "Give one series"))
