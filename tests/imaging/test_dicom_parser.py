"""The header parser agrees with pydicom."""

import io
import struct
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset, Sequence
from pydicom.datadict import tag_for_keyword
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from pulmo.errors import ScanError
from pulmo.imaging.dicom_parser import UNDEFINED, NotDicomError, _is_bare, _meta, _span, read_elements, readable
from pulmo.imaging.pixels import read_pixels
from pulmo.imaging.slices import read_slice_header
from tests.imaging.dicom_files import write_image

KEYWORDS = ("Modality", "PatientID", "SeriesInstanceUID", "InstanceNumber", "Rows", "Columns", "PixelSpacing")
WANTED = frozenset(tag_for_keyword(keyword) or 0 for keyword in KEYWORDS)
PIXELS = np.random.default_rng(0).integers(0, 4096, (5, 7)).astype("u2")
SHIPPED = sorted((Path(pydicom.__file__).parent / "data/test_files").rglob("*.dcm"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_same_values_as_pydicom(path: Path) -> None:
    try:
        found = read_elements(path, WANTED)
    except NotDicomError:
        assert path.name in {"rtplan_truncated.dcm", "no_meta.dcm"}
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, force=True)
        _, little = dataset.original_encoding
        for keyword in ("Rows", "Columns"):
            raw = found.values.get(tag_for_keyword(keyword) or 0, b"")
            expected = dataset.get(keyword)
            assert (int.from_bytes(raw, "little" if little else "big") if raw else None) == expected
        for keyword in ("Modality", "PatientID", "SeriesInstanceUID", "InstanceNumber"):
            text = found.values.get(tag_for_keyword(keyword) or 0, b"").decode().strip("\0 ")
            value = dataset.get(keyword)
            assert text == ("" if value is None else str(value))
        if found.pixels is not None:
            offset, length = found.pixels
            syntax = dataset.file_meta.get("TransferSyntaxUID")
            compressed = syntax is not None and syntax.is_compressed
            assert (length == UNDEFINED) == compressed
            size = len(dataset.PixelData) if compressed else length
            assert path.read_bytes()[offset : offset + size] == dataset.PixelData


@pytest.mark.parametrize("content", [b"", b"text", b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + b"\xff" * 5000])
def test_no_dicom(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd"
    path.write_bytes(content)
    try:
        found = read_elements(path, WANTED)
    except NotDicomError:
        return
    assert found.values == {}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("kept", ["preamble", "nothing", "preamble and meta without syntax", "meta"])
def test_preamble_and_meta_header_may_be_missing(tmp_path: Path, syntax: str, kept: str) -> None:
    path = write_image(tmp_path / "1.dcm", PIXELS, 12, syntax=syntax)
    whole, expected = path.read_bytes(), read_elements(path, WANTED)
    meta = whole[132 : 132 + 12 + int.from_bytes(whole[140:144], "little")]
    dataset = whole[132 + len(meta) :]
    name = b"\x02\0\x10\0UI" + len(syntax + "\0" * (len(syntax) % 2)).to_bytes(2, "little")
    nameless = meta.replace(name + syntax.encode() + b"\0" * (len(syntax) % 2), b"")
    assert len(nameless) < len(meta)
    nameless = nameless[:8] + (len(nameless) - 12).to_bytes(4, "little") + nameless[12:]
    path.write_bytes(
        {
            "preamble": whole[:132] + dataset,
            "nothing": dataset,
            "preamble and meta without syntax": whole[:132] + nameless + dataset,
            "meta": meta + dataset,
        }[kept]
    )
    found = read_elements(path, WANTED)
    assert found.values == expected.values
    assert (found.syntax, found.order) == (syntax, expected.order)
    np.testing.assert_array_equal(read_pixels(read_slice_header(path)), PIXELS)


def test_compressed_pixels_without_a_syntax_are_refused(tmp_path: Path) -> None:
    whole = write_image(tmp_path / "1.dcm", PIXELS, 12, syntax=RLELossless).read_bytes()
    (tmp_path / "1.dcm").write_bytes(whole[whole.index(b"\x08\0\x16\0") :])
    with pytest.raises(ScanError, match=r"cannot be decoded \(transfer syntax missing"):
        read_pixels(read_slice_header(tmp_path / "1.dcm"))


def test_compressed_pixels_declared_uncompressed_are_refused(tmp_path: Path) -> None:
    """There are enough bytes for the pixels."""
    noise = np.random.default_rng(0).integers(0, 65536, (16, 16)).astype("u2")
    path = write_image(tmp_path / "1.dcm", noise, 16, syntax=RLELossless)
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.1\0") + b"\0" * 2000)
    with pytest.raises(ScanError, match="its pixels are compressed, but its transfer syntax"):
        read_pixels(read_slice_header(path))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless])
def test_common_files_are_parsed_without_pydicom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, syntax: str) -> None:
    """A sequence of defined length, and one of undefined length, among the wanted elements."""
    code = Dataset()
    code.CodeValue, code.Rows = "T-D3000", 9
    tags = {"ProcedureCodeSequence": Sequence([code]), "AnatomicRegionSequence": Sequence([code, code])}
    path = write_image(tmp_path / "1.dcm", PIXELS, 12, syntax=syntax, **tags)
    written = pydicom.dcmread(path)
    written["ProcedureCodeSequence"].is_undefined_length = True
    written.save_as(path)
    monkeypatch.setattr("pulmo.imaging.dicom_parser.dcmread", None)
    found = read_elements(path, WANTED)
    assert (found.syntax, found.order) == (syntax, "<")
    rows, columns, modality = (found.values[tag_for_keyword(name) or 0] for name in ("Rows", "Columns", "Modality"))
    assert (rows, columns, modality) == (b"\x05\0", b"\x07\0", b"CT")
    assert set(found.values) == WANTED - {tag_for_keyword("PatientID")}
    assert found.pixels is not None
    offset, length = found.pixels
    if syntax == RLELossless:
        assert length == UNDEFINED
        assert path.read_bytes()[offset:][:4] == b"\xfe\xff\0\xe0"
    else:
        assert length == PIXELS.nbytes
        assert path.read_bytes()[offset : offset + length] == PIXELS.tobytes()


def test_compressed_data_that_are_no_items_are_refused(tmp_path: Path) -> None:
    path = write_image(tmp_path / "1.dcm", PIXELS, 12, syntax=RLELossless)
    whole = path.read_bytes()
    last_item = whole.rindex(b"\xfe\xff\0\xe0")
    path.write_bytes(whole[:last_item] + b"\xfe\xff\x01\xe0" + whole[last_item + 4 :])
    with pytest.raises(ScanError, match="truncated: the end of its compressed data is missing"):
        read_pixels(read_slice_header(path))


@pytest.mark.parametrize("vr", [b"UN", b"OB", b"OW"])
@pytest.mark.parametrize("group_length", [True, False])
def test_offset_of_pixels_of_any_type(tmp_path: Path, vr: bytes, group_length: bool) -> None:
    path = write_image(tmp_path / "1.dcm", PIXELS, 12)
    whole = path.read_bytes().replace(b"\xe0\x7f\x10\0OW", b"\xe0\x7f\x10\0" + vr)
    path.write_bytes(whole if group_length else whole[:132] + whole[144:])
    np.testing.assert_array_equal(read_pixels(read_slice_header(path)), PIXELS)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_icon_pixels_are_ignored(tmp_path: Path, syntax: str) -> None:
    icon = Dataset()
    icon.Rows, icon.Columns, icon.BitsAllocated = 2, 2, 8
    ends = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"  # which read as elements would end item and sequence
    rows = b"\x28\0\x10\0" + (b"US\x02\0" if syntax == ExplicitVRLittleEndian else b"\x02\0\0\0") + b"\x03\0"
    icon.add_new("PixelData", "OW", ends + rows)
    path = write_image(tmp_path / "1.dcm", PIXELS, 12, syntax=syntax, IconImageSequence=Sequence([icon]))
    written = pydicom.dcmread(path)
    written["IconImageSequence"].is_undefined_length = True
    written.IconImageSequence[0].is_undefined_length_sequence_item = True
    written.save_as(path)
    header = read_slice_header(path)
    assert (header.rows, header.columns) == PIXELS.shape
    np.testing.assert_array_equal(read_pixels(header), PIXELS)


FOREIGN = {
    b"\x1f\x8b\x08\0": "compressed with gzip: unpack it",
    b"BZh91AY": "compressed with bzip2: unpack it",
    b"\xfd7zXZ\0\0": "compressed with xz: unpack it",
    b"PK\x03\x04\x14": "a zip archive: unpack it",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it",
    b"Rar!\x1a\x07\x01": "a RAR archive: unpack it",
    b"scan/1.dcm".ljust(257, b"\0") + b"ustar\x0000": "a tar archive: unpack it",
    b"\x5c\x01\0\0".ljust(344, b"\0") + b"n+1\0": "a NIfTI volume: give the DICOM files that it was made from",
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\xff\xd8\xff\xe0": "a JPEG image",
    b"version https://git-lfs.github.com/spec/v1": "a Git LFS pointer: fetch the file itself with `git lfs pull`",
    b"<?xml version='1.0'?><LidcReadMessage>": "an XML document",
    b"<!DOCTYPE html>": "a web page: download the file again",
    b"": "an empty file",
}


@pytest.mark.parametrize(("content", "kind"), FOREIGN.items(), ids=FOREIGN.values())
def test_other_file_formats_are_recognized(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "1.dcm").write_bytes(content)
    with pytest.raises(NotDicomError) as caught:
        read_elements(tmp_path / "1.dcm", WANTED)
    assert str(caught.value) == f"not a DICOM file, but {kind}"


@pytest.mark.parametrize(
    ("first", "syntax"),
    [
        (b"\x02\0\0\0UL", ImplicitVRLittleEndian),
        (b"\x02\0\0\0US", ""),  # another type
        (b"\x02\0\1\0UL", ""),  # another element
        (b"\x08\0\0\0UL", ""),  # another group
    ],
)
def test_the_meta_header_begins_with_its_length(first: bytes, syntax: str) -> None:
    """Where it does not, nobody knows where it ends, and pydicom reads the file."""
    element = b"\x02\0\x10\0UI" + struct.pack("<H", 18) + ImplicitVRLittleEndian.encode() + b"\0"
    head = bytes(128) + b"DICM" + first + struct.pack("<HI", 4, len(element)) + element + b"the data set"
    end = head.index(b"the data set")
    assert _meta(head) == (syntax, end if syntax else 0)


def test_a_meta_header_without_a_transfer_syntax() -> None:
    head = bytes(128) + b"DICM" + b"\x02\0\0\0UL" + struct.pack("<HI", 4, 0) + b"the data set"
    assert _meta(head) == ("", 0)


@pytest.mark.parametrize(
    ("head", "bare"),
    [
        (b"\x08\0\x18\0", True),  # SOPInstanceUID, the last of the elements that files begin with
        (b"\x08\0\x19\0", False),
        (b"\0\x08\0\x18", True),
        (b"\0\x08\0\x19", False),
        (b"\x02\0\0\0", True),
        (b"\0\x02\0\0", True),
        (b"\x03\0\0\0", False),
        (b"\x08\0\x18", False),
        (b"", False),
    ],
)
def test_a_data_set_without_a_preamble_begins_with_its_first_elements(head: bytes, bare: bool) -> None:
    assert _is_bare(head) == bare


@pytest.mark.parametrize(
    ("order", "implicit", "rest", "span", "kind"),
    [
        ("<", False, b"OW\0\0\x06\1\0\0", (15, 262), b"OW"),
        (">", False, b"OW\0\0\0\0\1\6", (15, 262), b"OW"),
        ("<", False, b"US\x06\1\0\0\0\0", (11, 262), b"US"),
        ("<", False, b"\x06\1\0\0\0\0\0\0", (11, 262), b""),  # no type after all
        ("<", True, b"\x06\1\0\0\0\0\0\0", (11, 262), b""),
        ("<", True, b"OW\0\0\0\0\0\0", (11, 0x574F), b""),
        (">", True, b"\0\0\1\6\0\0\0\0", (11, 262), b""),
    ],
)
def test_where_pixels_begin_and_how_many_bytes_they_are(
    order: str, implicit: bool, rest: bytes, span: tuple[int, int], kind: bytes
) -> None:
    """Behind three other bytes."""
    file = io.BytesIO(b"abc" + struct.pack(order + "HH", 0x7FE0, 0x10) + rest)
    file.seek(3)
    assert _span(file, order, implicit) == (span, kind)
    for cut in (file.getvalue()[:-1], file.getvalue().replace(b"\x10", b"\x11", 1)):
        other = io.BytesIO(cut)
        other.seek(3)
        assert _span(other, order, implicit) == (None, b"")


def test_text_for_messages_is_in_one_line() -> None:
    assert readable("Größe 3") == "Größe 3"
    assert readable("a\n\x07ä") == "a\\n\\x07ä"
