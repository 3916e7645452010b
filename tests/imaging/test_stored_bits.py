"""Stored bits, by hand and against pydicom, in every syntax."""

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from pulmo.errors import ScanError
from pulmo.imaging.decoders import decode
from pulmo.imaging.hounsfield import PADDING_HU, to_hounsfield
from pulmo.imaging.pixels import read_pixels
from pulmo.imaging.slices import SliceHeader, read_slice_header
from pulmo.imaging.stored_bits import stored_range, stored_values
from tests.imaging.dicom_files import write_image

PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
LOSSLESS = (RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless)


def read(path: Path) -> np.ndarray:
    return read_pixels(read_slice_header(path))


def values_and_words(dtype: str, bits_stored: int, overlay: bool, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Values of all sizes, among them the limits; and words whose other bits are random, or consistent."""
    random = np.random.default_rng(bits_stored)
    low, high = stored_range(bits_stored, dtype[0] == "i")
    values = random.integers(low, high, shape, np.int64, endpoint=True)
    values.flat[:3] = low, high, 0
    words = values
    if overlay:
        words = (values & ((1 << bits_stored) - 1)) | random.integers(0, 2**31, shape) << bits_stored
    return values.astype(dtype), words.astype(dtype)


KINDS = (
    *(("u1", 8), ("u1", 5), ("i1", 8), ("i1", 7)),
    *(("u2", 16), ("u2", 12), ("u2", 8), ("u2", 1), ("i2", 16), ("i2", 15), ("i2", 12), ("i2", 2)),
    *(("u4", 32), ("u4", 20), ("u4", 16), ("i4", 32), ("i4", 20), ("i4", 12)),
)
STORED_AS = [(syntax, vr, *kind) for syntax in PLAIN for vr in ("OW", "OB") for kind in KINDS]
STORED_AS += [(RLELossless, "OB", *kind) for kind in KINDS]
STORED_AS += [(syntax, "OB", *kind) for syntax in LOSSLESS[1:] for kind in KINDS if kind[0][1] < "4"]


@pytest.mark.parametrize("overlay", [False, True], ids=["", "overlay"])
@pytest.mark.parametrize(("syntax", "vr", "dtype", "bits_stored"), STORED_AS)
def test_as_constructed_and_as_pydicom_reads(
    tmp_path: Path, syntax: str, vr: str, dtype: str, bits_stored: int, overlay: bool
) -> None:
    shape = (7, 5) if dtype[1] == "1" else (6, 5)  # also an odd number of bytes
    values, words = values_and_words(dtype, bits_stored, overlay, shape)
    path = write_image(tmp_path / "1.dcm", words, bits_stored, syntax=syntax, vr=vr)
    found = read(path)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)
    # pydicom leaves the other bits of JPEG 2000, and of signed JPEG-LS, as they are, and refuses JPEG-LS of few bits.
    if syntax in (*PLAIN, RLELossless):
        np.testing.assert_array_equal(found, pydicom.dcmread(path).pixel_array)


@pytest.mark.parametrize("syntax", [*PLAIN, *LOSSLESS])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("high_bit", [11, 13, 15])
def test_high_bit_locates_the_value(tmp_path: Path, high_bit: int, signed: bool, syntax: str) -> None:
    dtype, above = "i2" if signed else "u2", high_bit - 11
    values, words = values_and_words(dtype, 12, True, (6, 5))
    words = words << above | np.random.default_rng(0).integers(0, 1 << above, words.shape).astype(dtype)
    path = write_image(tmp_path / "1.dcm", words, 12, syntax=syntax, HighBit=high_bit)
    np.testing.assert_array_equal(read(path), values)


def test_a_high_bit_that_its_pixels_contradict_is_refused(tmp_path: Path) -> None:
    path = write_image(tmp_path / "1.dcm", np.array([[0, 24], [1024, 4095]], "u2"), 12, HighBit=15)
    with pytest.raises(ScanError, match="HighBit 15 and BitsStored 12 contradict its pixels"):
        read(path)


@pytest.mark.parametrize("high_bit", [None, 0, 10, 16, 255])
def test_an_impossible_high_bit_is_ignored(tmp_path: Path, high_bit: int | None) -> None:
    values, words = values_and_words("i2", 12, True, (6, 5))
    path = write_image(tmp_path / "1.dcm", words, 12, HighBit=high_bit)
    np.testing.assert_array_equal(read(path), values)


def test_missing_bits_stored_are_all(tmp_path: Path) -> None:
    words = np.array([[0, 200]], "u1")
    path = write_image(tmp_path / "1.dcm", words, 8, BitsStored=None, HighBit=None)
    assert read(path).tolist() == [[0, 200]]


@pytest.mark.parametrize("bits_stored", [0, 17, 4096])
def test_impossible_bits_stored_are_refused(tmp_path: Path, bits_stored: int) -> None:
    path = write_image(tmp_path / "1.dcm", np.zeros((2, 2), "u2"), 12, BitsStored=bits_stored)
    with pytest.raises(ScanError, match=rf"BitsStored is {bits_stored}, BitsAllocated 16\. Export"):
        read(path)


def test_by_hand() -> None:
    # 12 bits: 0xF018 is 24 under an overlay; 0x0C18 is −1000 without its sign extended, 0x5C18 with an overlay.
    unsigned, signed = np.array([[0xF018, 0x1FFF, 24]], "u2"), np.array([[0x0C18, 0x5C18, -1000]], "i2")
    assert stored_values(unsigned, 12, 11).tolist() == [[24, 4095, 24]]
    assert stored_values(signed, 12, 11).tolist() == [[-1000, -1000, -1000]]
    assert unsigned.tolist() == [[0xF018, 0x1FFF, 24]]  # which are left as they are
    assert stored_values(np.array([[0x0185, 0xFFFF]], "u2"), 12, 15).tolist() == [[24, 4095]]


Encode = Callable[[np.ndarray], Any]
NARROW: tuple[tuple[str, Encode], ...] = (
    (JPEGLosslessSV1, lambda eight: imagecodecs.jpeg8_encode(eight, lossless=True)),
    (JPEGLSLossless, lambda eight: imagecodecs.jpegls_encode(eight, level=0)),
    (JPEG2000Lossless, lambda eight: imagecodecs.jpeg2k_encode(eight, reversible=True, codecformat="j2k")),
)


@pytest.mark.parametrize(("syntax", "encode"), NARROW)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("allocated", [16, 32])
@pytest.mark.parametrize("bits_stored", [8, 16])
def test_eight_bits_where_more_are_allocated(
    tmp_path: Path, syntax: str, encode: Encode, signed: bool, allocated: int, bits_stored: int
) -> None:
    low = -128 if signed else 0
    values = (np.arange(256).reshape(16, 16) + low).astype("i1" if signed else "u1")
    frame = bytes(encode(values if syntax == JPEG2000Lossless else values.view("u1")))
    words = values.astype(f"{'i' if signed else 'u'}{allocated // 8}")
    path = write_image(tmp_path / "1.dcm", words, bits_stored, syntax=syntax, frame=frame)
    found = read(path)
    assert found.dtype == words.dtype
    if syntax == JPEGLosslessSV1 and bits_stored == 16:  # a JPEG has no sign: bit 15 is 0
        words = values.view("u1").astype(words.dtype)
    np.testing.assert_array_equal(found, words)


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit])
def test_lossy_jpeg_of_eight_bits_in_sixteen(tmp_path: Path, syntax: str) -> None:
    row, column = np.mgrid[:32, :24]
    values = (4 * row + column).astype("u1")
    frame = bytes(imagecodecs.jpeg8_encode(values, level=98))
    path = write_image(tmp_path / "1.dcm", values.astype("u2"), 8, syntax=syntax, frame=frame)
    found = read(path)
    assert found.dtype == np.uint16
    assert np.abs(found.astype(int) - values).max() <= 2


@pytest.mark.parametrize("precision", [12, 16])
def test_jpeg_2000_of_another_signedness_than_the_header(header: SliceHeader, precision: int) -> None:
    """pydicom's rule: the sign is the header's, the number of bits the image's."""
    values = np.array([[-2000, -1, 0, 2047]], "i2")
    unsigned = values.view("u2") & ((1 << precision) - 1)
    header = replace(header, rows=1, syntax=JPEG2000Lossless, bits_stored=precision, high_bit=precision - 1)
    said_unsigned = imagecodecs.jpeg2k_encode(unsigned, reversible=True, bitspersample=precision, codecformat="j2k")
    np.testing.assert_array_equal(decode(bytes(said_unsigned), header), values)
    said_signed = imagecodecs.jpeg2k_encode(values, reversible=True, bitspersample=precision, codecformat="j2k")
    np.testing.assert_array_equal(decode(bytes(said_signed), replace(header, dtype="<u2")), unsigned)


def test_more_bits_than_are_allocated_are_refused(tmp_path: Path) -> None:
    frame = bytes(imagecodecs.jpegls_encode(np.full((4, 4), 300, "u2")))
    path = write_image(tmp_path / "1.dcm", np.zeros((4, 4), "u1"), 8, syntax=JPEGLSLossless, frame=frame)
    with pytest.raises(ScanError, match=r"it has 16 bits a pixel, where 8 are allocated"):
        read(path)


@pytest.mark.parametrize(("syntax", "encode"), NARROW)
def test_colours_in_an_image_declared_grey_are_refused(tmp_path: Path, syntax: str, encode: Encode) -> None:
    frame = bytes(encode(np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype("u1")))
    path = write_image(tmp_path / "1.dcm", np.zeros((8, 8), "u1"), 8, syntax=syntax, frame=frame)
    with pytest.raises(ScanError, match="it holds 3 colour components"):
        read(path)


@pytest.mark.parametrize(
    ("dtype", "tag", "fill"),
    [
        ("i2", -2000, 0x0830),  # neither fill nor value is extended, one of them, or none
        ("i2", 0x0830, 0x0830),
        ("i2", 0x0830, -2000),
        ("i2", -2000, -2000),
        ("u2", 63536, 63536),  # 12 bits cannot hold it: the whole word counts
        ("i2", -3024, -3024),
        ("u2", 16, 0x3010),  # under an overlay
    ],
)
def test_padding_differs_from_tissue_in_any_form(tmp_path: Path, dtype: str, tag: int, fill: int) -> None:
    tissue = 1000 if dtype == "u2" else 40
    words = np.array([[fill, tissue], [tissue, fill]], np.int64).astype(dtype)
    tags = {"RescaleIntercept": "-1000" if dtype == "u2" else "0"}
    path = write_image(tmp_path / "1.dcm", words, 12, **tags)
    written = pydicom.dcmread(path)
    written.add_new("PixelPaddingValue", "US" if tag > 0 else "SS", tag)
    written.save_as(path)
    header = read_slice_header(path)
    hu = to_hounsfield(read_pixels(header), header)
    measured = 0 if dtype == "u2" else 40
    assert hu.tolist() == [[PADDING_HU, measured], [measured, PADDING_HU]]


@pytest.mark.parametrize(("high_bit", "value"), [(12, 1001), (11, 1001)])
def test_a_high_bit_beyond_the_codestreams_bits_does_not_count(header: SliceHeader, high_bit: int, value: int) -> None:
    """A codestream of 12 bits has none above bit 11, whatever the header says of the words it came from."""
    frame = imagecodecs.jpeg2k_encode(np.array([[value]], "u2"), reversible=True, bitspersample=12, codecformat="j2k")
    header = replace(header, rows=1, columns=1, syntax=JPEG2000Lossless, dtype="<u2", bits_stored=12, high_bit=high_bit)
    assert decode(bytes(frame), header).tolist() == [[value]]


def test_rle_of_another_number_of_bytes_is_refused(header: SliceHeader) -> None:
    """Its header counts the planes, one a byte."""
    header = replace(header, rows=1, columns=2, syntax=RLELossless, dtype="<u2")
    plane = bytes(imagecodecs.packbits_encode(b"\1\2"))
    both = struct.pack("<16I", 2, 64, 64 + len(plane), *[0] * 13) + plane + plane
    assert decode(both, header).tolist() == [[0x0101, 0x0202]]
    for count in (1, 3):
        with pytest.raises(ValueError, match=f"{count} bytes a value, not 2"):
            decode(struct.pack("<I", count) + both[4:], header)
    with pytest.raises(ValueError, match="its compressed data is truncated"):
        decode(both[:63], header)


def test_a_jpeg_without_a_frame_header_or_its_end_is_refused(header: SliceHeader) -> None:
    header = replace(header, rows=8, columns=8, syntax=JPEGBaseline8Bit, dtype="<u1", bits_stored=8, high_bit=7)
    frame = bytes(imagecodecs.jpeg8_encode(np.full((8, 8), 90, "u1"), level=95))
    filled = frame[:2] + b"\xff" + frame[2:]  # which may stand before any marker
    for sound in (frame, filled):
        np.testing.assert_array_equal(decode(sound, header), 90)
    with pytest.raises(ValueError, match="its JPEG has no frame header"):
        decode(frame[:2] + b"\0" + frame[3:], header)
    with pytest.raises(ValueError, match="the end of the JPEG is missing"):
        decode(frame[:-2], header)
    with pytest.raises(ValueError, match="it holds 8 × 8 pixels, not 8 × 9"):
        decode(frame, replace(header, columns=9))
    with pytest.raises(ValueError, match="unsupported compression"):
        decode(frame, replace(header, syntax="1.2.3"))
