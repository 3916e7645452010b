"""Series on disk, read back with pydicom alone."""

import filecmp
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from pulmo.phantom.chest import chest
from pulmo.phantom.dicom import Encoding, Series, write_series, write_slice
from pulmo.phantom.draw import draw
from pulmo.phantom.geometry import Grid, axial

SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
]

# Report 000, Figure 8.
FIGURE_8 = """
SpecificCharacterSet ImageType SOPInstanceUID Modality Manufacturer ManufacturerModelName PatientName
PatientID PatientSex DeidentificationMethod BodyPartExamined SliceThickness KVP DistanceSourceToDetector
DistanceSourceToPatient GantryDetectorTilt TableHeight RotationDirection XRayTubeCurrent GeneratorPower
FocalSpots ConvolutionKernel PatientPosition StudyInstanceUID SeriesInstanceUID StudyID InstanceNumber
ImagePositionPatient ImageOrientationPatient FrameOfReferenceUID PositionReferenceIndicator SliceLocation
SamplesPerPixel PhotometricInterpretation Rows Columns PixelSpacing BitsAllocated BitsStored HighBit
PixelRepresentation WindowCenter WindowWidth RescaleIntercept RescaleSlope RescaleType PixelData
"""


@pytest.fixture(scope="module")
def grid() -> Grid:
    return axial((-40.0, 0.0, 15.0), (48, 60), (6.0, 5.5), tilt_degrees=8)


@pytest.fixture(scope="module")
def hu(grid: Grid) -> np.ndarray:
    return draw(chest(), grid, seed=4, noise_sd=15.0)


def recovered(path: Path) -> np.ndarray:
    dataset = pydicom.dcmread(path)
    return np.asarray(dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept))


@pytest.mark.parametrize("syntax", SYNTAXES, ids=[s.keyword for s in SYNTAXES])
@pytest.mark.parametrize(
    "encoding",
    [Encoding(-1024), Encoding(0, signed=True), Encoding(-1024, bits_stored=12), Encoding(-1000, 0.5, signed=True)],
    ids=["unsigned", "signed", "12 bits", "half steps"],
)
def test_every_syntax_gives_back_the_hounsfield_units(
    syntax: str, encoding: Encoding, tmp_path: Path, hu: np.ndarray, grid: Grid
) -> None:
    paths = write_series(tmp_path, hu, grid, encoding=replace(encoding, transfer_syntax=syntax))
    assert [path.name for path in paths] == ["1.dcm", "2.dcm", "3.dcm"]
    for path, drawn in zip(paths, hu, strict=True):
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == syntax
        np.testing.assert_array_equal(recovered(path), drawn)


def test_stored_values_by_hand() -> None:
    hu = np.array([[-1024, -1000, 0, 3071]])
    assert Encoding(-1024).stored(hu).tolist() == [[0, 24, 1024, 4095]]
    assert Encoding(0, signed=True).stored(hu).tolist() == [[-1024, -1000, 0, 3071]]
    assert Encoding(-1000, 2.0, signed=True).stored(hu).tolist() == [[-12, 0, 500, 2036]]
    # Clipped: unsigned cannot go below its intercept, 12 bits not above 4095.
    assert Encoding(-1000, bits_stored=12).stored(hu).tolist() == [[0, 0, 1000, 4071]]
    assert Encoding(0, bits_stored=10).stored(np.array([[-5, 2000]])).tolist() == [[0, 1023]]


def test_padding_fills_the_corners_and_is_declared(tmp_path: Path, hu: np.ndarray, grid: Grid) -> None:
    path, *_ = write_series(tmp_path, hu, grid, encoding=Encoding(0, signed=True, padding=-2000))
    dataset = pydicom.dcmread(path)
    assert dataset.PixelPaddingValue == -2000
    assert dataset.pixel_array[0, 0] == -2000
    # A circle of 48 pixels across in an image of 48 × 60: π/4 · 48² = 1810 pixels.
    assert (dataset.pixel_array != -2000).sum() == pytest.approx(1810, abs=30)
    assert dataset.pixel_array[24, 30] == hu[0, 24, 30]
    assert "PixelPaddingValue" not in pydicom.dcmread(write_series(tmp_path / "none", hu, grid)[0])


def test_impossible_requests_are_refused(tmp_path: Path, hu: np.ndarray, grid: Grid) -> None:
    with pytest.raises(ValueError, match="-2000 is outside the stored values 0…65535"):
        write_series(tmp_path, hu, grid, encoding=Encoding(padding=-2000))
    with pytest.raises(ValueError, match="no lossless encoder"):
        write_series(tmp_path, hu, grid, encoding=Encoding(transfer_syntax=JPEGExtended12Bit))
    with pytest.raises(ValueError, match="cannot lie on a grid"):
        write_series(tmp_path, hu[:2], grid)


def test_positions_project_to_the_slice_positions(tmp_path: Path, hu: np.ndarray, grid: Grid) -> None:
    turned = grid.rotated(20, about=(1, 0, 1))
    for index, path in enumerate(write_series(tmp_path, hu, turned)):
        dataset = pydicom.dcmread(path)
        cosines = np.array(dataset.ImageOrientationPatient, dtype=float)
        normal = np.cross(cosines[:3], cosines[3:])
        np.testing.assert_allclose(np.array(dataset.ImagePositionPatient, float), turned.origins[index], atol=1e-6)
        middle = float(normal @ (turned.origins[1]))
        along = normal @ np.array(dataset.ImagePositionPatient, float) - middle
        assert along == pytest.approx(turned.slice_mm[index], abs=1e-6)
        assert [float(mm) for mm in dataset.PixelSpacing] == [6.0, 5.5]
        assert float(dataset.GantryDetectorTilt) == pytest.approx(8, abs=1e-3)
        assert (dataset.Rows, dataset.Columns) == (48, 60)


def test_the_header_has_what_osics_files_have(tmp_path: Path, hu: np.ndarray, grid: Grid) -> None:
    dataset = pydicom.dcmread(write_series(tmp_path, hu, grid, Series("ID00007637202177411956430"))[1])
    assert [keyword for keyword in FIGURE_8.split() if keyword not in dataset] == []
    assert dataset.PatientID == "ID00007637202177411956430"
    assert dataset.InstanceNumber == 2


def test_same_arguments_same_bytes(tmp_path: Path, hu: np.ndarray, grid: Grid) -> None:
    for syntax in SYNTAXES:
        encoding = Encoding(transfer_syntax=syntax)
        first = write_series(tmp_path / f"{syntax}a", hu, grid, encoding=encoding)
        second = write_series(tmp_path / f"{syntax}b", hu, grid, encoding=encoding)
        assert all(filecmp.cmp(a, b, shallow=False) for a, b in zip(first, second, strict=True))


def test_one_slice_alone_is_the_slice_of_the_series(tmp_path: Path, hu: np.ndarray, grid: Grid) -> None:
    paths = write_series(tmp_path, hu, grid)
    write_slice(tmp_path / "again.dcm", hu[2], grid, 2)
    assert filecmp.cmp(paths[2], tmp_path / "again.dcm", shallow=False)


def test_two_acquisitions_share_a_series_and_nothing_else(tmp_path: Path, hu: np.ndarray, grid: Grid) -> None:
    once = Series()
    write_series(tmp_path, hu, grid, once)
    write_series(tmp_path, hu, grid, replace(once, acquisition=2, first_instance=4))
    datasets = [pydicom.dcmread(tmp_path / f"{n}.dcm", stop_before_pixels=True) for n in range(1, 7)]
    assert len({p.SOPInstanceUID for p in datasets}) == 6
    assert {p.SeriesInstanceUID for p in datasets} == {once.uid}
    assert [int(p.AcquisitionNumber) for p in datasets] == [1, 1, 1, 2, 2, 2]
    assert replace(once, name="other").uid != once.uid


def test_a_slice_of_another_size_keeps_its_centre(tmp_path: Path, hu: np.ndarray, grid: Grid) -> None:
    write_slice(tmp_path / "small.dcm", hu[0, 4:-4, 10:-10], grid, 0)
    dataset = pydicom.dcmread(tmp_path / "small.dcm")
    assert (dataset.Rows, dataset.Columns) == (40, 40)
    # Cropped evenly on both sides, so every voxel stays where it was.
    np.testing.assert_allclose(np.array(dataset.ImagePositionPatient, float), grid.points(0)[4, 10], atol=1e-6)
    np.testing.assert_array_equal(recovered(tmp_path / "small.dcm"), hu[0, 4:-4, 10:-10])
