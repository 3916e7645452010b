"""Pixels equal to pydicom's, or an error with the file's name; never a crash."""

import multiprocessing
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import HTJ2KLossless, JPEG2000Lossless, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from pulmo.errors import ScanError
from pulmo.imaging.decoders import decode
from pulmo.imaging.pixels import _check_length, read_pixels
from pulmo.imaging.slices import NotASliceError, SliceHeader, read_slice_header
from pulmo.phantom.dicom import Encoding, write_series
from pulmo.phantom.geometry import axial, evenly

SHIPPED = sorted(
    path
    for path in (Path(pydicom.__file__).parent / "data").rglob("*")
    if path.is_file() and path.suffix not in (".py", ".pyc")
)
# 12-bit JPEG, which none of pydicom's decoders reads: the sum of what SimpleITK reads.
BEYOND_PYDICOM = {"JPEG-lossy.dcm": 3_767_007, "JPGExtended.dcm": 3_767_007}
COMPRESSED = (RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless)


def test_pydicom_ships_files() -> None:
    assert len(SHIPPED) > 150


REFUSALS = (
    *("not a DICOM file", "not a readable DICOM file (", "a DICOM file without an image", "a colour image"),
    *("several frames in one file", "its pixels cannot be decoded", "its pixel data is truncated"),
    "its pixel data has ",
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
        assert found.sum() == BEYOND_PYDICOM[path.name]
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
def test_these_files_are_read(name: str) -> None:
    (path,) = (path for path in SHIPPED if path.name == name)
    assert np.ptp(read_pixels(read_slice_header(path))) > 0


@pytest.mark.parametrize("syntax", COMPRESSED)
@pytest.mark.parametrize(
    "encoding",
    [
        *(Encoding(intercept=-1024), Encoding(intercept=0, signed=True), Encoding(bits_stored=12)),
        *(Encoding(intercept=0, signed=True, bits_stored=12), Encoding(slope=0.5, padding=0)),
        Encoding(intercept=-1000, slope=0.5, signed=True, padding=-2000),
    ],
)
def test_lossless_compression_changes_nothing(tmp_path: Path, syntax: str, encoding: Encoding) -> None:
    hu = np.random.default_rng(0).integers(-1000, 3000, (1, 24, 40)).astype(np.int16)
    encoding = replace(encoding, transfer_syntax=syntax)
    (path,) = write_series(tmp_path, hu, axial(evenly(1, 1.0), (24, 40), 1.0), None, encoding)
    found, expected = read_pixels(read_slice_header(path)), encoding.stored(hu[0])
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_every_predictor_of_lossless_jpeg(header: SliceHeader, predictor: int, bits: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 2**bits, (24, 40)).astype("<u2")
    frame = bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=predictor, bitspersample=bits))
    header = replace(header, syntax=JPEGLossless, rows=24, columns=40, dtype="<u2", bits_stored=bits)
    np.testing.assert_array_equal(decode(frame, header), pixels)


HIGH_THROUGHPUT = bytes.fromhex(
    "ff4fff5100294000000000040000000400000000000000000000000400000004000000000000000000018f0101ff50000800"
    "020000000aff52000c00020001000504044001ff5c00132088909090909090909090909090888888ff64001700014f70656e"
    "4a50482056657220302e32362e332eff90000a00000000003f0001ff93c000252c02077400000000c000134000130064fc02"
    "87740092f103877400c0002680004ef2f201827400ce77fe00a35400ffd9"
)
"""A ramp of 4 × 4, signed, by OpenJPH."""


def test_high_throughput_jpeg_2000(header: SliceHeader) -> None:
    ramp = 250 * np.arange(16).reshape(4, 4) - 1000
    np.testing.assert_array_equal(decode(HIGH_THROUGHPUT, replace(header, syntax=HTJ2KLossless)), ramp)


def test_jpeg_2000_in_a_file_of_its_own(header: SliceHeader) -> None:
    pixels = np.random.default_rng(0).integers(0, 3000, (24, 40)).astype("<u2")
    boxed = bytes(imagecodecs.jpeg2k_encode(pixels, reversible=True, codecformat="jp2"))
    assert boxed[4:8] == b"jP  "
    header = replace(header, syntax=JPEG2000Lossless, rows=24, columns=40, dtype="<u2")
    np.testing.assert_array_equal(decode(boxed, header), pixels)


@pytest.mark.parametrize(("syntax", "signed"), [(Encoding().transfer_syntax, True), (JPEGLosslessSV1, True)])
@pytest.mark.parametrize("kept", [0.35, 0.9, 0.995])
def test_truncated_pixels_are_refused(tmp_path: Path, syntax: str, signed: bool, kept: float) -> None:
    hu = np.random.default_rng(0).integers(-1000, 3000, (1, 64, 64)).astype(np.int16)
    encoding = Encoding(intercept=0, signed=signed, transfer_syntax=syntax)
    (path,) = write_series(tmp_path, hu, axial(evenly(1, 1.0), (64, 64), 1.0), None, encoding)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(ScanError, match=r"1\.dcm: its pixel data is truncated: .*Download the file again"):
        read_pixels(read_slice_header(path))


def test_an_unknown_syntax_is_refused(tmp_path: Path) -> None:
    hu = np.zeros((1, 8, 8), np.int16)
    encoding = Encoding(transfer_syntax=RLELossless)
    (path,) = write_series(tmp_path, hu, axial(evenly(1, 1.0), (8, 8), 1.0), None, encoding)
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.9\0"))
    with pytest.raises(ScanError, match=r"cannot be decoded \(transfer syntax 1\.2\.840\.10008\.1\.2\.9"):
        read_pixels(read_slice_header(path))


Damage = Callable[[bytes], bytes]


def written_compressed(folder: Path, syntax: str) -> tuple[Path, bytes]:
    """A slice of 32 × 32 on disk, and its compressed data."""
    hu = np.random.default_rng(0).integers(-1000, 3000, (1, 32, 32)).astype(np.int16)
    (path,) = write_series(folder, hu, axial(evenly(1, 1.0), (32, 32), 1.0), None, Encoding(transfer_syntax=syntax))
    return path, next(generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=1))


def replace_frame(path: Path, frame: bytes) -> None:
    """The same file, well-formed, with other compressed data."""
    header = read_slice_header(path)
    assert header.pixels is not None
    path.write_bytes(path.read_bytes()[: header.pixels[0]] + encapsulate([frame]) + b"\xfe\xff\xdd\xe0\0\0\0\0")


@pytest.mark.parametrize("syntax", COMPRESSED)
@pytest.mark.parametrize("kept", [0.002, 0.01, 0.05, 0.5, 0.95])
def test_truncated_compressed_pixels_are_refused(tmp_path: Path, syntax: str, kept: float) -> None:
    path, frame = written_compressed(tmp_path, syntax)
    replace_frame(path, frame[: int(len(frame) * kept)])
    with pytest.raises(ScanError, match=r"1\.dcm: its pixels cannot be decoded .*Convert the series"):
        read_pixels(read_slice_header(path))


CLAIMS: dict[str, tuple[str, Damage]] = {
    "RLE far beyond its end": (RLELossless, lambda frame: frame[:8] + b"\x38\x11\0\x02" + frame[12:]),
    "RLE with planes backwards": (RLELossless, lambda frame: frame[:4] + frame[8:12] + frame[4:8] + frame[12:]),
    "RLE of sixteen planes": (RLELossless, lambda frame: b"\x10" + frame[1:]),
    "JPEG 2000 of billions of rows": (JPEG2000Lossless, lambda frame: frame[:12] + b"\x80" + frame[13:]),
    "JPEG of 65,000 rows and columns": (
        JPEGLosslessSV1,
        lambda frame: frame.replace(b"\x00\x20\x00\x20", b"\xfd\xe8\xfd\xe8", 1),
    ),
    "JPEG-LS of 65,000 rows and columns": (
        JPEGLSLossless,
        lambda frame: frame.replace(b"\x00\x20\x00\x20", b"\xfd\xe8\xfd\xe8", 1),
    ),
}


def refuse_claim(folder: Path, claim: str) -> None:
    syntax, damage = CLAIMS[claim]
    path, frame = written_compressed(folder, syntax)
    assert damage(frame) != frame
    replace_frame(path, damage(frame))
    with pytest.raises(ScanError, match="its pixels cannot be decoded"):
        read_pixels(read_slice_header(path))


def read_damaged(folder: Path, syntax: str) -> None:
    """Sixty images with a few corrupted bytes, the first ones in the header."""
    path, frame = written_compressed(folder, syntax)
    random, refused = np.random.default_rng(0), 0
    for _ in range(60):
        damaged = bytearray(frame)
        for place in random.integers(0, random.choice([100, len(frame)]), 3):
            damaged[place] = random.integers(256)
        replace_frame(path, bytes(damaged))
        found = pixels_or_reason(path)
        if isinstance(found, str):
            assert found.startswith("its pixels cannot be decoded")
            refused += 1
        else:
            assert found.shape == (32, 32)
    assert refused > 0


def survives(work: Callable[[Path, str], None], folder: Path, what: str) -> None:
    """Run in a separate process with a timeout, as a decoder may crash it."""
    child = multiprocessing.get_context("spawn").Process(target=work, args=(folder, what))
    child.start()
    child.join(60)
    child.kill()
    child.join()
    assert child.exitcode == 0


@pytest.mark.parametrize("claim", CLAIMS)
def test_false_declarations_are_refused(tmp_path: Path, claim: str) -> None:
    survives(refuse_claim, tmp_path, claim)


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_damage_gives_pixels_or_an_error(tmp_path: Path, syntax: str) -> None:
    survives(read_damaged, tmp_path, syntax)


@pytest.mark.parametrize(
    ("side", "length", "fault"),
    [
        (4, 31, "its pixel data is truncated: 31 of 32 bytes"),
        (4, 32, ""),
        (4, 63, ""),  # padded, or with what is not pixels
        (4, 64, "its pixel data has 64 bytes, but 4 × 4 pixels take 32"),
        (1, 3, ""),
        (1, 4, "its pixel data has 4 bytes, but 1 × 1 pixels take 2"),
        (4, 0xFFFFFFFF, "its pixels are compressed, but its transfer syntax .* is uncompressed"),
    ],
)
def test_twice_as_many_bytes_as_needed_are_other_pixels(
    header: SliceHeader, side: int, length: int, fault: str
) -> None:
    with pytest.raises(ScanError, match=fault) if fault else nullcontext():
        _check_length(replace(header, rows=side, columns=side), length)


def test_a_single_byte_may_be_padded_to_a_word(header: SliceHeader) -> None:
    single = replace(header, rows=1, columns=1, dtype="<u1", bits_allocated=8)
    _check_length(single, 2)
    with pytest.raises(ScanError, match="has 3 bytes, but 1 × 1 pixels take 1"):
        _check_length(single, 3)
