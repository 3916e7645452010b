"""Headers of slices from single elements, as a file may have them."""

from pathlib import Path

import pytest
from pydicom.datadict import tag_for_keyword

from pulmo.errors import ScanError
from pulmo.imaging.dicom_parser import Elements
from pulmo.imaging.slices import NotASliceError, SeveralFramesError, SliceHeader, slice_header

EXPLICIT, EXPLICIT_BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"


def header_from(**raw: bytes) -> SliceHeader:
    """The header of a CT of 2 × 3 pixels with the raw bytes of tags by keyword; empty bytes stand for no tag."""
    return header_of({"Modality": b"CT", "Rows": b"\x02\0", "Columns": b"\x03\0"} | raw, "<", EXPLICIT)


def header_of(raw: dict[str, bytes], order: str, syntax: str, in_words: bool = False) -> SliceHeader:
    values = {tag_for_keyword(name) or 0: value for name, value in raw.items() if value}
    return slice_header(Path("1.dcm"), Elements(values, order, syntax, (0, 12), in_words))


def test_what_is_not_declared_has_a_default() -> None:
    header = header_from()
    assert (header.rows, header.columns) == (2, 3)
    assert (header.bits_allocated, header.bits_stored, header.high_bit, header.dtype) == (16, 16, 15, "<u2")
    assert (header.slope, header.intercept, header.has_intercept, header.padding) == (1.0, 0.0, False, None)
    assert (header.instance, header.thickness_mm, header.step_mm, header.location_mm) == (0, 0.0, 0.0, None)
    assert (header.frame, header.swapped, header.is_native, header.wrong, header.notes) == (None, False, True, (), ())


def test_bits_and_types() -> None:
    signed = header_from(BitsAllocated=b"\x08\0", BitsStored=b"\x07\0", HighBit=b"\x07\0", PixelRepresentation=b"\1\0")
    assert (signed.bits_allocated, signed.bits_stored, signed.high_bit, signed.dtype) == (8, 7, 7, "<i1")
    assert header_from(BitsStored=b"\x0c\0").high_bit == 11
    # A High Bit outside the allocated bits, or below the stored ones, is impossible.
    assert header_from(BitsStored=b"\x0c\0", HighBit=b"\x10\0").high_bit == 11
    assert header_from(BitsStored=b"\x0c\0", HighBit=b"\x0f\0").high_bit == 15
    assert header_from(BitsStored=b"\x0c\0", HighBit=b"\x0a\0").high_bit == 11
    assert header_from(BitsAllocated=b"\x20\0").dtype == "<u4"
    twelve = header_from(BitsAllocated=b"\x0c\0")
    assert (twelve.dtype, twelve.in_whole_bytes, twelve.is_native) == ("<u2", False, False)
    big = header_of({"Rows": b"\0\2", "Columns": b"\0\3", "BitsAllocated": b"\0\x10"}, ">", EXPLICIT_BIG)
    assert (big.rows, big.columns, big.dtype) == (2, 3, ">u2")


@pytest.mark.parametrize(
    ("raw", "columns"),
    [
        (b"\x00\x02", 512),
        (b"512 ", 512),
        (b"512\0", 512),
        (b"100000", 34_464),
        (b"000000000512", 512),
        (b"0000000000512", int.from_bytes(b"00", "little")),  # longer than the standard allows
        (b"51", int.from_bytes(b"51", "little")),
        (b"abc ", int.from_bytes(b"ab", "little")),
    ],
)
def test_integers_may_be_stored_as_text(raw: bytes, columns: int) -> None:
    assert header_from(Columns=raw).columns == columns


@pytest.mark.parametrize(
    ("tags", "padding"),
    [
        ({"PixelPaddingValue": b"\x30\xf8"}, (63_536, 63_536)),
        ({"PixelPaddingValue": b"\x30\xf8", "PixelRepresentation": b"\1\0"}, (-2000, -2000)),
        ({"PixelPaddingValue": b"-2000 ", "PixelRepresentation": b"\1\0"}, (-2000, -2000)),
        ({"PixelPaddingValue": b"32767 ", "PixelRepresentation": b"\1\0"}, (32_767, 32_767)),
        ({"PixelPaddingValue": b"32768 ", "PixelRepresentation": b"\1\0"}, (-32_768, -32_768)),
        # 12 bits: 2,096 is −2,000 without its sign extended; 2,047 is the largest positive number.
        ({"PixelPaddingValue": b"\x30\x08", "PixelRepresentation": b"\1\0", "BitsStored": b"\x0c\0"}, (-2000, -2000)),
        ({"PixelPaddingValue": b"\xff\x07", "PixelRepresentation": b"\1\0", "BitsStored": b"\x0c\0"}, (2047, 2047)),
        ({"PixelPaddingValue": b"\x00\x08", "PixelRepresentation": b"\1\0", "BitsStored": b"\x0c\0"}, (-2048, -2048)),
        ({"PixelPaddingValue": b"\x05\0", "PixelPaddingRangeLimit": b"\x02\0"}, (2, 5)),
        ({"PixelPaddingRangeLimit": b"\x02\0"}, None),
    ],
)
def test_padding_has_the_type_of_the_pixels(tags: dict[str, bytes], padding: tuple[int, int] | None) -> None:
    assert header_from(**tags).padding == padding


@pytest.mark.parametrize(
    ("tags", "modality", "note"),
    [
        ({"Modality": b"ct"}, "CT", ""),
        ({"Modality": b"", "SOPClassUID": b"1.2.840.10008.5.1.4.1.1.4\0"}, "MR", "SOP class, MR Image Storage"),
        ({"Modality": b"", "RescaleType": b"hu"}, "CT", "rescaling to Hounsfield units"),
        ({"Modality": b"", "RescaleIntercept": b"-500"}, "CT", "rescaling to Hounsfield units"),
        ({"Modality": b"", "RescaleIntercept": b"-8192 "}, "CT", "rescaling to Hounsfield units"),
        ({"Modality": b"", "RescaleIntercept": b"-499"}, "", ""),
        ({"Modality": b"", "RescaleIntercept": b"-8193 "}, "", ""),
        ({"Modality": b""}, "", ""),
    ],
)
def test_a_missing_modality_is_inferred(tags: dict[str, bytes], modality: str, note: str) -> None:
    header = header_from(**tags)
    assert header.modality == modality
    assert len(header.notes) == bool(note)
    assert note in "".join(header.notes)


@pytest.mark.parametrize(
    ("tags", "wrong"),
    [
        ({"RescaleSlope": b"0.001 "}, None),
        ({"RescaleSlope": b"-100"}, None),
        ({"RescaleSlope": b"0.0009"}, "RescaleSlope is 0.0009: that of a CT must be between 0.001 and 100 HU"),
        ({"RescaleSlope": b"100.1 "}, "RescaleSlope is 100.1: that of a CT must be between 0.001 and 100 HU"),
        ({"RescaleIntercept": b"65536 "}, None),
        ({"RescaleIntercept": b"-65537"}, "RescaleIntercept is -65537: that of a CT must be at most 65536 HU"),
        ({"RescaleSlope": b"0.0009", "Modality": b"MR"}, None),
    ],
)
def test_rescaling_of_a_ct_gives_hounsfield_units(tags: dict[str, bytes], wrong: str | None) -> None:
    header = header_from(**tags)
    assert [what for _, what in header.wrong] == ([wrong] if wrong else [])
    header.require("SliceThickness")
    if wrong:
        with pytest.raises(ScanError, match="Correct the tag, or export the series again"):
            header.require("RescaleSlope", "RescaleIntercept")


def test_a_slope_of_zero_is_one() -> None:
    header = header_from(RescaleSlope=b"0 ")
    assert (header.slope, header.notes, header.wrong) == (1.0, ("RescaleSlope 0 replaced by 1",), ())


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"Rows": b"\0\0"}, "a DICOM file without an image"),
        ({"Columns": b""}, "a DICOM file without an image"),
        ({"SamplesPerPixel": b"\3\0"}, r"a colour image \(several samples a pixel\)"),
        ({"PhotometricInterpretation": b"PALETTE COLOR "}, r"a colour image \(PALETTE COLOR\)"),
    ],
)
def test_other_images_are_no_slices(tags: dict[str, bytes], why: str) -> None:
    with pytest.raises(NotASliceError, match=why):
        header_from(**tags)


def test_one_frame_is_a_slice_and_two_are_not() -> None:
    assert header_from(NumberOfFrames=b"1 ").rows == 2
    with pytest.raises(SeveralFramesError, match=r"several frames in one file \(2\)"):
        header_from(NumberOfFrames=b"2 ")


def test_eight_bits_in_big_endian_words_are_swapped() -> None:
    size = {"Rows": b"\0\2", "Columns": b"\0\3"}
    swapped = [
        header_of({**size, "BitsAllocated": bits}, ">", EXPLICIT_BIG, in_words).swapped
        for bits, in_words in ((b"\0\x08", True), (b"\0\x08", False), (b"\0\x10", True))
    ]
    assert swapped == [True, False, False]
