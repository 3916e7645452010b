"""One CT scan as an array in Hounsfield units, with the geometry to measure in it."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pulmo.errors import Fault, ScanError
from pulmo.imaging.hounsfield import HIGHEST_HU, PADDING_HU, constant_frame, to_hounsfield
from pulmo.imaging.pixels import read_pixels
from pulmo.imaging.placing import slice_normal
from pulmo.imaging.series import FEWEST_SLICES, Stack

_MOST_VOXELS = 1 << 31
_MOST_THREADS = 8
_AIR_HU = -850
"""Air in a scan is darker somewhere, noise or not."""


@dataclass(frozen=True)
class Volume:
    """A scan; axes are always (slices, rows, columns).

    `hu` is int16, with PADDING_HU where nothing was measured. `positions_mm` (slices,) rises along the slice normal
    and need not be even. `directions` (3, 3) are the unit vectors, in the patient's coordinates (x to the left, y to
    the back, z to the head), along which the slice, row and column index grow. `shear_mm` (slices, 2) is how far
    each slice is shifted down its columns and along its rows against the first: not zero where the gantry was tilted.
    `source` names the folder, for messages.
    """

    hu: np.ndarray
    positions_mm: np.ndarray
    pixel_spacing_mm: tuple[float, float]
    directions: np.ndarray
    shear_mm: np.ndarray
    repairs: tuple[str, ...]
    source: str

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """(slices, rows, columns); between slices the usual distance, where it varies."""
        return (usual_step(self.positions_mm), *self.pixel_spacing_mm)

    @property
    def mean_step_mm(self) -> float:
        """The mean distance between neighbouring slices."""
        return float(self.positions_mm[-1] - self.positions_mm[0]) / (len(self.positions_mm) - 1)

    @property
    def extents_mm(self) -> np.ndarray:
        """(slices,) what each slice stands for along the normal: half the way to either neighbour."""
        steps = np.diff(self.positions_mm)
        usual = usual_step(self.positions_mm)
        extents: np.ndarray = (np.concatenate([[usual], steps]) + np.concatenate([steps, [usual]])) / 2
        return extents

    @property
    def voxel_litres(self) -> np.ndarray:
        """(slices,) the volume of one voxel of each slice."""
        return self.extents_mm * self.pixel_spacing_mm[0] * self.pixel_spacing_mm[1] / 1e6


def usual_step(positions_mm: np.ndarray) -> float:
    """The median distance between neighbouring slices."""
    return float(np.median(np.diff(positions_mm)))


def assemble(stack: Stack) -> Volume:
    """Reads the pixels of a stack.

    Raises ScanError for fewer than three slices, no pixel spacing, no rescale intercept, pixels cut short or
    undecodable, or more of them than any scanner makes.
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
        repairs += (f"constant filling of {value} HU around the picture taken for padding",)
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
    )


def _unscaled(stack: Stack, hu: np.ndarray) -> list[str]:
    """What is to be said where a RescaleIntercept is missing: values that go down to air's may be Hounsfield units.

    Raises ScanError where they do not, or other slices have one.
    """
    missing = [header for header in stack.slices if not header.has_intercept]
    if not missing:
        return []
    others = next((header for header in stack.slices if header.has_intercept), None)
    if others is not None:
        what = f"RescaleIntercept is missing ({others.path.name} has {others.intercept:g})"
    elif (least := int(hu.min(where=hu > PADDING_HU, initial=HIGHEST_HU))) > _AIR_HU:
        what = f"RescaleIntercept is missing, and no pixel is as dark as air (the least value is {least})"
    else:
        return ["RescaleIntercept is missing: stored values taken for Hounsfield units, as they go down to air"]
    remedy = "Export the series again with its rescale tags, or write RescaleIntercept (mostly -1024) into each file"
    raise ScanError(Fault(str(missing[0].path), what, remedy))


def _threads() -> int:
    """Reading and decoding let other threads run; but where each core has a process (`map_items`), one is enough."""
    return 1 if os.environ.get("OMP_NUM_THREADS") == "1" else min(os.cpu_count() or 1, _MOST_THREADS)


def _check(stack: Stack) -> None:
    first, count = stack.slices[0], len(stack.slices)
    folder = str(first.path.parent)
    if count < FEWEST_SLICES:
        raise ScanError(
            Fault(
                folder,
                f"no more than {count} slice{' belongs' if count == 1 else 's belong'} together",
                "Give the whole series",
            )
        )
    if not first.pixel_spacing_mm:
        what = "no PixelSpacing, so that nothing can be measured"
        raise ScanError(Fault(str(first.path), what, "Export the series again"))
    if count * first.rows * first.columns > _MOST_VOXELS:
        what = f"{count} slices of {first.rows} × {first.columns} are more than any scanner makes"
        raise ScanError(Fault(folder, what, "Give one series"))
