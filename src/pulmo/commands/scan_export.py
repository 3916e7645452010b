"""Writes a scan or its lung mask for other programs: NIfTI (.nii, .nii.gz) or NumPy (.npz)."""

import gzip
from pathlib import Path

import numpy as np

from pulmo.errors import CommandLineError, Fault
from pulmo.imaging.nifti import even_grid, nifti_image
from pulmo.imaging.volume import Volume
from pulmo.pipeline.disk import atomically, writable_folder

_NIFTI, _COMPRESSED, _NUMPY = ".nii", ".nii.gz", ".npz"


def check_name(path: Path, option: str) -> None:
    """Check the file's name, and that its folder can be written to.

    Raises:
        CommandLineError: the name has none of the known endings.
        OSError: nothing can be written there.
    """
    if not path.name.endswith((_NIFTI, _COMPRESSED, _NUMPY)):
        what = f"the name must end in {_COMPRESSED}, {_NIFTI} or {_NUMPY}"
        raise CommandLineError(Fault(f"{option} {path}", what, f"Write {path.stem}{_COMPRESSED}, for example"))
    writable_folder(path.parent)


def export(volume: Volume, labels: np.ndarray | None, path: Path) -> tuple[str, ...]:
    """Write the scan, or the mask of its lungs, in the format that the file's name tells.

    A .npz file holds `hu` or `labels` as the scanner's slices are, (slices, rows, columns), and where they are: the
    other arrays are the fields of `Volume`.

    Returns:
        What NIfTI's even grid changed, in words.

    Raises:
        ScanError: the slices are too unevenly spaced for NIfTI.
    """
    if path.name.endswith(_NUMPY):
        values = {"hu": volume.hu} if labels is None else {"labels": labels}
        geometry = {
            "positions_mm": volume.positions_mm,
            "pixel_spacing_mm": np.array(volume.pixel_spacing_mm),
            "directions": volume.directions,
            "shear_mm": volume.shear_mm,
            "origin_mm": np.array(volume.origin_mm),
        }
        atomically(path, lambda started: _write_numpy(started, {**values, **geometry}))
        return ()
    data = nifti_image(volume, labels).to_bytes()
    whole = gzip.compress(data, 1, mtime=0) if path.name.endswith(_COMPRESSED) else data
    atomically(path, lambda started: started.write_bytes(whole))
    return even_grid(volume).notes


def _write_numpy(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with path.open("wb") as file:  # NumPy would append .npz to the name
        np.savez_compressed(file, **arrays)
