"""A scan as NIfTI: every measured voxel is where its DICOM file has it, with its value."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import dcmread

from pulmo.errors import ScanError
from pulmo.imaging.nifti import even_grid, nifti_image
from pulmo.imaging.reading import read_volume
from pulmo.imaging.volume import Volume
from pulmo.phantom.dicom import write_series
from pulmo.phantom.geometry import Grid, axial, evenly

TO_RAS = [-1, -1, 1]
EVEN = axial(evenly(7, 5.0), (24, 32), (2.0, 1.5), centre_mm=(10.0, -20.0, 300.0))
GRIDS = {
    "axial": EVEN,
    "from the head down": EVEN.reversed(),
    "oblique": EVEN.rotated(25, (1.0, 2.0, 0.5)),
    "prone": Grid(EVEN.slice_mm, EVEN.shape, EVEN.pixel_mm, right=(-1.0, 0.0, 0.0), down=(0.0, -1.0, 0.0)),
    "tilted gantry": axial(evenly(7, 5.0), (24, 32), (2.0, 1.5), tilt_degrees=18.5),
    "a missing slice": EVEN.without([3]),
    "two distances": axial((0, 2.5, 5, 7.5, 12.5, 17.5), (24, 32), 2.0),
    "tilted, two distances": axial((0, 2.5, 5, 7.5, 12.5, 17.5), (24, 32), 2.0, tilt_degrees=-12),
}


def noise(grid: Grid) -> np.ndarray:
    return np.random.default_rng(1).integers(-1000, 1000, grid.volume_shape).astype(np.int16)


def assert_each_voxel_is_in_its_place(folder: Path, path: Path, step: int = 1) -> None:
    """Each voxel's place is computed from its file's header, as the DICOM standard says (C.7.6.2.1.1)."""
    image = nibabel.load(path)
    values, to_voxel = np.asanyarray(image.dataobj), np.linalg.inv(image.affine)
    for file in sorted(folder.glob("*.dcm"))[::step]:
        header = dcmread(file)
        stored = header.pixel_array[::step, ::step]
        along_row, down_column = np.reshape(header.ImageOrientationPatient, (2, 3)).astype(float)
        row, column = np.mgrid[: header.Rows : step, : header.Columns : step]
        position = (
            np.array(header.ImagePositionPatient, float)
            + row[..., None] * header.PixelSpacing[0] * down_column
            + column[..., None] * header.PixelSpacing[1] * along_row
        )
        index = np.rint(position * TO_RAS @ to_voxel[:3, :3].T + to_voxel[:3, 3]).astype(int)
        expected = stored * float(header.RescaleSlope) + float(header.RescaleIntercept)
        np.testing.assert_array_equal(values[tuple(np.moveaxis(index, -1, 0))], np.maximum(expected, -1024))


@pytest.mark.parametrize("name", GRIDS)
def test_the_same_voxel_is_at_the_same_place(name: str, tmp_path: Path) -> None:
    grid = GRIDS[name]
    write_series(tmp_path / "series", noise(grid), grid)
    image = nifti_image(read_volume(tmp_path / "series"))
    image.to_filename(tmp_path / "volume.nii.gz")
    assert_each_voxel_is_in_its_place(tmp_path / "series", tmp_path / "volume.nii.gz")
    axes = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-6)  # or ITK's programs refuse the file
    np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-4)
    assert (image.header["sform_code"], image.header["qform_code"]) == (1, 1)
    assert image.header.get_xyzt_units()[0] == "mm"


def test_an_even_scan_is_not_resampled(tmp_path: Path) -> None:
    write_series(tmp_path, noise(EVEN), EVEN)
    volume = read_volume(tmp_path)
    assert even_grid(volume).notes == ()
    assert nifti_image(volume).header.get_zooms() == pytest.approx((1.5, 2.0, 5.0))
    labels = np.arange(volume.hu.size).reshape(volume.hu.shape) % 3
    mask = nifti_image(volume, labels.astype(np.uint8))
    assert mask.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asanyarray(mask.dataobj), labels.transpose(2, 1, 0))
    np.testing.assert_array_equal(mask.affine, nifti_image(volume).affine)


def test_what_the_grid_changes_is_told(tmp_path: Path) -> None:
    grid = GRIDS["tilted, two distances"]
    write_series(tmp_path, noise(grid), grid)
    notes = even_grid(read_volume(tmp_path)).notes
    assert notes == (
        "slices 2.5 to 5 mm apart: the nearest repeated every 2.5 mm",
        # 17.5 mm × tan 12° = 3.72 mm, of pixels of 2 mm
        "tilted gantry: slices moved by up to 2 pixels onto a grid at right angles",
    )


def test_slices_that_fit_no_grid_are_refused() -> None:
    positions = np.array([0.0, 0.1, 20, 40])
    volume = Volume(np.zeros((4, 3, 3), np.int16), positions, (1.0, 1.0), np.eye(3), np.zeros((4, 2)), (), "here")
    with pytest.raises(ScanError, match=r"here: slices 0\.1 to 20 mm apart fit no even grid.*\.npz"):
        nifti_image(volume)


@pytest.mark.parametrize("name", ["ct/head_ge_tilt", "ct/chest_philips_5mm"])
def test_a_real_scan(name: str, real_scan: Callable[[str], Path], tmp_path: Path) -> None:
    nifti_image(read_volume(real_scan(name))).to_filename(tmp_path / "volume.nii")
    assert_each_voxel_is_in_its_place(real_scan(name), tmp_path / "volume.nii", step=9)


@pytest.mark.parametrize(("second", "even"), [(5.09, True), (5.12, False), (4.91, True), (4.88, False)])
def test_a_fiftieth_of_a_step_is_rounding(second: float, even: bool) -> None:
    positions = np.array([0.0, second, 10, 15])
    volume = Volume(np.zeros((4, 3, 3), np.int16), positions, (1.0, 1.0), np.eye(3), np.zeros((4, 2)), (), "here")
    assert (even_grid(volume).notes == ()) == even
    assert even or even_grid(volume).notes[0].startswith(f"slices {min(second, 10 - second):.3g} to ")


@pytest.mark.parametrize(("last", "fits"), [(31.0, True), (32.0, False)])
def test_the_grid_has_eight_times_as_many_slices_at_most(last: float, fits: bool) -> None:
    """Every millimetre, for four slices of which two are that close."""
    positions = np.array([0.0, 1, 15, last])
    volume = Volume(np.zeros((4, 3, 3), np.int16), positions, (1.0, 1.0), np.eye(3), np.zeros((4, 2)), (), "here")
    if fits:
        grid = even_grid(volume)
        assert grid.shape == (32, 3, 3)
        assert grid.slices.tolist() == [0] + [1] * 8 + [2] * 15 + [3] * 8
    else:
        with pytest.raises(ScanError, match="fit no even grid"):
            even_grid(volume)
