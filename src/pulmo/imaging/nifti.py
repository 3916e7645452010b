"""A scan or its lung mask as a NIfTI-1 image, on an even grid in the scanner's millimetres.

NIfTI has one distance between slices, and viewers ask for right angles between the axes. Slices at uneven positions,
and those of a tilted gantry, are therefore placed on the nearest voxels of such a grid, without interpolation: where a
measured voxel was, its value is found, at most half a voxel away.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pulmo.errors import Fault, ScanError
from pulmo.imaging.hounsfield import LOWEST_HU
from pulmo.imaging.volume import Volume

if TYPE_CHECKING:
    from nibabel import Nifti1Image

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_EVEN = 0.02
"""Largest deviation from even positions, as a fraction of the step: more than headers round by."""
_MAX_COPIES = 8
"""Largest factor by which the grid may have more slices than the scan."""
_SCANNER = 1  # NIFTI_XFORM_SCANNER_ANAT


class EvenGrid(NamedTuple):
    """An even grid with right angles that holds every voxel of a scan.

    Attributes:
        shape: (slices, rows, columns).
        slices: (slices,) the scan's slice at each of the grid's.
        shifts: (slices, 2) whole rows and columns by which that slice is moved on the grid; not negative.
        affine: (4, 4) indices (slice, row, column, 1) to millimetres of the patient to the left, back and head.
        notes: what was changed to make the grid even, in words; empty for an even scan.
    """

    shape: tuple[int, int, int]
    slices: np.ndarray
    shifts: np.ndarray
    affine: np.ndarray
    notes: tuple[str, ...]

    def place(self, values: np.ndarray, fill: int) -> np.ndarray:
        """The scan's voxels (slices, rows, columns) on the grid; `fill` where the scan has none."""
        if not self.notes:
            return values
        placed = np.full(self.shape, fill, values.dtype)
        rows, columns = values.shape[1:]
        for plane, index, (down, right) in zip(placed, self.slices, self.shifts, strict=True):
            plane[down : down + rows, right : right + columns] = values[index]
        return placed


def even_grid(volume: Volume) -> EvenGrid:
    """The even grid for a scan.

    Raises:
        ScanError: its slices are too unevenly spaced for one.
    """
    slices, step_mm, notes = _even_slices(volume)
    shifts = np.rint(volume.shear_mm / volume.pixel_spacing_mm).astype(int)
    first, size = shifts.min(axis=0), np.ptp(shifts, axis=0)
    if size.any():
        notes = (
            *notes,
            f"tilted gantry: slices moved by up to {size.max()} pixels onto a grid at right angles",
        )
    spacing_mm = np.array([step_mm, *volume.pixel_spacing_mm])
    affine = np.eye(4)
    affine[:3, :3] = (volume.directions * spacing_mm[:, None]).T
    affine[:3, 3] = volume.origin_mm + affine[:3, 1:3] @ first
    rows, columns = np.array(volume.hu.shape[1:]) + size
    return EvenGrid((len(slices), int(rows), int(columns)), slices, (shifts - first)[slices], affine, notes)


def nifti_image(volume: Volume, labels: np.ndarray | None = None) -> "Nifti1Image":
    """The scan in Hounsfield units, int16 with −1024 for padding, or the mask of its lungs, uint8.

    Args:
        volume: a scan.
        labels: the mask to write, as `LungMask.labels`: 1 is the left lung, 2 the right.

    Returns:
        A nibabel image (columns, rows, slices) with an affine to the scanner's millimetres, RAS: to the patient's
        right, front and head as NIfTI counts. `to_filename("lungs.nii.gz")` writes it.

    Raises:
        ScanError: the slices are too unevenly spaced for NIfTI.
    """
    from nibabel import Nifti1Image  # read for exports only

    grid = even_grid(volume)
    if labels is None:
        values, description = grid.place(np.maximum(volume.hu, LOWEST_HU), LOWEST_HU), "Hounsfield units"
    else:
        values, description = grid.place(labels, 0), "Lungs: 1 left, 2 right"
    columns_first = grid.affine[:, [2, 1, 0, 3]]
    image = Nifti1Image(values.transpose(2, 1, 0), None)
    for set_form in (image.set_qform, image.set_sform):
        set_form(_LPS_TO_RAS @ columns_first, _SCANNER)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = f"{description}; not for clinical use"
    return image


def _even_slices(volume: Volume) -> tuple[np.ndarray, float, tuple[str, ...]]:
    """The scan's slice for each of the grid's, their distance in mm, and what was changed."""
    positions = volume.positions_mm - volume.positions_mm[0]
    count = len(positions)
    if np.abs(positions - volume.mean_step_mm * np.arange(count)).max() <= _EVEN * volume.mean_step_mm:
        return np.arange(count), volume.mean_step_mm, ()
    steps = np.diff(positions)
    step_mm = float(steps.min())
    wanted = round(positions[-1] / step_mm) + 1
    if wanted > _MAX_COPIES * count:
        what = f"slices {steps.min():.3g} to {steps.max():.3g} mm apart fit no even grid, as NIfTI needs"
        raise ScanError(Fault(volume.source, what, "Write a .npz file, which has each slice's own position"))
    middles = (positions[1:] + positions[:-1]) / 2
    nearest = np.searchsorted(middles, step_mm * np.arange(wanted))
    note = f"slices {steps.min():.3g} to {steps.max():.3g} mm apart: the nearest repeated every {step_mm:.3g} mm"
    return nearest, step_mm, (note,)
