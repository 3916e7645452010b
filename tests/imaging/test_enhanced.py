"""Series re-packed as one enhanced multi-frame file: the same volume, voxel by voxel."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

from pulmo.errors import ScanError
from pulmo.imaging.enhanced import read_headers
from pulmo.imaging.mr import read_mr
from pulmo.imaging.reading import read_volume
from pulmo.imaging.series import find_slices, stacks
from pulmo.imaging.volume import Volume
from pulmo.phantom.chest import Body
from pulmo.phantom.dicom import Encoding
from pulmo.phantom.geometry import Grid, axial, evenly

WriteScan = Callable[..., Path]
ENHANCED = {"CT": "1.2.840.10008.5.1.4.1.1.2.1", "MR": "1.2.840.10008.5.1.4.1.1.4.1"}


def item(**values: object) -> Sequence:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return Sequence([dataset])


def repacked(paths: list[Path], out: Path, shuffled: bool = False, modality: str = "CT", stack_of: int = 0) -> Path:
    """Single slices → one enhanced file; every `stack_of` frames are a stack, if that is not 0."""
    slices = [dcmread(path) for path in paths]
    if shuffled:
        slices = [slices[place] for place in np.random.default_rng(0).permutation(len(slices))]
    first = slices[0]
    pixels = [one.pixel_array.astype(f"<i{first.BitsAllocated // 8}").tobytes() for one in slices]
    whole = Dataset()
    whole.file_meta = first.file_meta
    whole.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    whole.file_meta.MediaStorageSOPClassUID = whole.SOPClassUID = ENHANCED[modality]
    whole.file_meta.MediaStorageSOPInstanceUID = whole.SOPInstanceUID = generate_uid()
    for keyword in ("PatientID", "SeriesInstanceUID", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"):
        setattr(whole, keyword, first[keyword].value)
    for keyword in ("PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation"):
        setattr(whole, keyword, first[keyword].value)
    if "PixelPaddingValue" in first:
        whole.PixelPaddingValue = first.PixelPaddingValue
    whole.Modality, whole.NumberOfFrames = modality, len(slices)
    whole.SharedFunctionalGroupsSequence = item(
        PlaneOrientationSequence=item(ImageOrientationPatient=first.ImageOrientationPatient),
        PixelMeasuresSequence=item(PixelSpacing=first.PixelSpacing, SliceThickness=first.get("SliceThickness", 1)),
    )
    frames = []
    for number, one in enumerate(slices):
        content = {"StackID": str(number // stack_of)} if stack_of else {}
        frames += item(
            PlanePositionSequence=item(ImagePositionPatient=one.ImagePositionPatient),
            PixelValueTransformationSequence=item(
                RescaleIntercept=one.get("RescaleIntercept", 0), RescaleSlope=one.get("RescaleSlope", 1)
            ),
            FrameContentSequence=item(**content),
        )
    whole.PerFrameFunctionalGroupsSequence = Sequence(frames)
    whole.PixelData = b"".join(pixels)
    out.mkdir()
    whole.save_as(out / "whole.dcm", enforce_file_format=True)
    return out


def assert_same(found: Volume, wanted: Volume) -> None:
    np.testing.assert_array_equal(found.hu, wanted.hu)
    np.testing.assert_allclose(found.positions_mm, wanted.positions_mm)
    np.testing.assert_allclose(found.directions, wanted.directions)
    np.testing.assert_allclose(found.shear_mm, wanted.shear_mm, atol=1e-6)
    assert found.pixel_spacing_mm == wanted.pixel_spacing_mm


@pytest.mark.parametrize("encoding", [None, Encoding(intercept=-1024.5, slope=2.0), Encoding(intercept=0, signed=True)])
@pytest.mark.parametrize("shuffled", [False, True])
def test_ct(write_scan: WriteScan, tmp_path: Path, small_body: Body, encoding: Encoding | None, shuffled: bool) -> None:
    grid = axial(evenly(12, 20.0), (60, 70), 4.0, tilt_degrees=10)
    folder = write_scan(small_body, grid, encoding)
    enhanced = repacked(sorted(folder.iterdir()), tmp_path / "enhanced", shuffled)
    assert_same(read_volume(enhanced), read_volume(folder))


def test_compressed_frames(write_scan: WriteScan, tmp_path: Path, small_body: Body) -> None:
    folder = write_scan(small_body, axial(evenly(8, 30.0), (60, 70), 4.0))
    enhanced = repacked(sorted(folder.iterdir()), tmp_path / "enhanced")
    dataset = dcmread(enhanced / "whole.dcm")
    dataset.compress(RLELossless)
    dataset.save_as(enhanced / "whole.dcm")
    assert_same(read_volume(enhanced), read_volume(folder))


def test_mr(tmp_path: Path, write_scan: WriteScan, small_body: Body) -> None:
    folder = write_scan(small_body, axial(evenly(8, 30.0), (60, 70), 4.0))
    enhanced = repacked(sorted(folder.iterdir()), tmp_path / "enhanced", modality="MR")
    wanted = read_volume(folder)
    found = read_mr(enhanced)
    np.testing.assert_array_equal(np.maximum(found.intensity, -1024), np.maximum(wanted.hu, -1024))
    np.testing.assert_allclose(found.positions_mm, wanted.positions_mm)


def test_stacks_in_one_file_are_separated(write_scan: WriteScan, tmp_path: Path, small_body: Body) -> None:
    """The same positions twice: without StackID the second stack would be left out as duplicates."""
    paths = sorted(write_scan(small_body, axial(evenly(8, 30.0), (60, 70), 4.0)).iterdir())
    headers, _ = find_slices(repacked(paths + paths, tmp_path / "enhanced", stack_of=8))
    frames = [sorted(header.frame or 0 for header in stack.slices) for stack in stacks(headers)]
    assert sorted(frames) == [list(range(8)), list(range(8, 16))]


def test_frames_without_positions_are_refused(write_scan: WriteScan, tmp_path: Path, small_body: Body) -> None:
    folder = write_scan(small_body, axial(evenly(8, 30.0), (60, 70), 4.0))
    enhanced = repacked(sorted(folder.iterdir()), tmp_path / "enhanced")
    dataset = dcmread(enhanced / "whole.dcm")
    del dataset.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence
    dataset.save_as(enhanced / "whole.dcm")
    with pytest.raises(ScanError, match="frame 4 has no ImagePositionPatient"):
        read_volume(enhanced)
    del dataset.PerFrameFunctionalGroupsSequence
    dataset.save_as(enhanced / "whole.dcm")
    with pytest.raises(ScanError, match="its frames have no positions"):
        read_volume(enhanced)


def test_a_single_slice_is_one_header(write_scan: WriteScan, small_body: Body, small_grid: Grid) -> None:
    (path, *_) = sorted(write_scan(small_body, small_grid).iterdir())
    (header,) = read_headers(path)
    assert header.frame is None


@pytest.mark.parametrize("name", ["ct/chest_one_lung_cut", "ct/chest_siemens_8mm_30"])
def test_a_real_series(real_scan: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    folder = real_scan(name)
    enhanced = repacked(sorted(folder.glob("*.dcm")), tmp_path / "enhanced")
    assert_same(read_volume(enhanced), read_volume(folder))
