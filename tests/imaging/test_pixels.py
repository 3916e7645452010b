"""Pixels as pydicom has them, or refused by name; never a crash."""

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from pulmo.errors import ScanError
from pulmo.imaging.pixels import read_pixels
from pulmo.imaging.slices import NotASliceError, read_slice_header
from pulmo.phantom.dicom import Encoding, write_series
from pulmo.phantom.geometry import axial, evenly

SHIPPED = sorted(
    path
    for path in (Path(pydicom.__file__).parent / "data").rglob("*")
    if path.is_file() and path.suffix not in (".py", ".pyc")
)
# 12-bit JPEG, which none of pydicom's decoders reads, but SimpleITK; and a number of frames of "1A".
BEYOND_PYDICOM = {"JPEG-lossy.dcm", "JPGExtended.dcm", "badVR.dcm"}


def test_pydicom_ships_files() -> None:
    assert len(SHIPPED) > 150


REFUSALS = (
    *("not a DICOM file", "not a readable DICOM file (", "a DICOM file without a picture", "a colour picture"),
    *("several frames in one file", "its pixels cannot be decoded", "its pixel data is cut short"),
)


def pixels_or_reason(path: Path) -> np.ndarray | str:
    try:
        return read_pixels(read_slice_header(path))
    except NotASliceError as reason:
        return str(reason)
    except ScanError as error:
        return error.faults[0].what


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: "/".join(path.parts[-2:]))
def test_every_file_shipped_with_pydicom(path: Path) -> None:
    found = pixels_or_reason(path)
    if isinstance(found, str):
        assert found.startswith(REFUSALS)
    elif path.name in BEYOND_PYDICOM:
        assert found.size > 0
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = pydicom.dcmread(path).pixel_array
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "name",
    [
        *("CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "MR_small_RLE.dcm", "image_dfl.dcm"),
        *("MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm", "693_J2KI.dcm", "JPEGLSNearLossless_16.dcm"),
        *("J2K_pixelrep_mismatch.dcm", "JPEG2000.dcm", "JPGExtended.dcm", "JPEG-lossy.dcm"),
    ],
)
def test_none_of_these_is_refused(name: str) -> None:
    (path,) = (path for path in SHIPPED if path.name == name)
    assert np.ptp(read_pixels(read_slice_header(path))) > 0


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_compression_changes_nothing(tmp_path: Path, syntax: str, signed: bool) -> None:
    hu = np.random.default_rng(0).integers(-1000, 3000, (1, 24, 40)).astype(np.int16)
    encoding = Encoding(intercept=0 if signed else -1024, signed=signed, transfer_syntax=syntax)
    (path,) = write_series(tmp_path, hu, axial(evenly(1, 1.0), (24, 40), 1.0), None, encoding)
    np.testing.assert_array_equal(read_pixels(read_slice_header(path)), hu[0] + (0 if signed else 1024))


@pytest.mark.parametrize(("syntax", "signed"), [(Encoding().transfer_syntax, True), (JPEGLosslessSV1, True)])
@pytest.mark.parametrize("kept", [0.35, 0.9, 0.995])
def test_cut_short_is_refused_by_name(tmp_path: Path, syntax: str, signed: bool, kept: float) -> None:
    hu = np.random.default_rng(0).integers(-1000, 3000, (1, 64, 64)).astype(np.int16)
    encoding = Encoding(intercept=0, signed=signed, transfer_syntax=syntax)
    (path,) = write_series(tmp_path, hu, axial(evenly(1, 1.0), (64, 64), 1.0), None, encoding)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(ScanError, match=r"1\.dcm: its pixel data is cut short: .*Download the file again"):
        read_pixels(read_slice_header(path))


def test_a_syntax_nobody_knows_is_refused_by_name(tmp_path: Path) -> None:
    hu = np.zeros((1, 8, 8), np.int16)
    encoding = Encoding(transfer_syntax=RLELossless)
    (path,) = write_series(tmp_path, hu, axial(evenly(1, 1.0), (8, 8), 1.0), None, encoding)
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.9\0"))
    with pytest.raises(ScanError, match=r"cannot be decoded \(transfer syntax 1\.2\.840\.10008\.1\.2\.9"):
        read_pixels(read_slice_header(path))
