"""The short walk through a header finds what pydicom finds."""

import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.datadict import tag_for_keyword

from pulmo.imaging.elements import UNDEFINED, NotDicomError, read_elements

KEYWORDS = ("Modality", "PatientID", "SeriesInstanceUID", "InstanceNumber", "Rows", "Columns", "PixelSpacing")
WANTED = frozenset(tag_for_keyword(keyword) or 0 for keyword in KEYWORDS)
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
