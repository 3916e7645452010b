"""What does one DICOM file say about the slice it holds? Its place in the patient, its scale, where its pixels lie."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.tag import Tag

_TAGS = {
    keyword: Tag(tag_for_keyword(keyword) or 0)
    for keyword in (
        *("SpecificCharacterSet", "ImageType", "Modality", "PatientID", "SeriesInstanceUID"),
        *("AcquisitionNumber", "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient"),
        *("SliceLocation", "SliceThickness", "PixelSpacing", "SamplesPerPixel", "NumberOfFrames", "Rows", "Columns"),
        *("BitsAllocated", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit"),
        *("RescaleIntercept", "RescaleSlope"),
    )
}
_PIXEL_DATA = (0x7FE0, 0x0010)

# Syntaxes whose pixels lie in the file as they are, and their byte order.
_NATIVE = {"1.2.840.10008.1.2": "<", "1.2.840.10008.1.2.1": "<", "1.2.840.10008.1.2.2": ">"}


class NotASliceError(Exception):
    """The file is no slice of a scan; the message says what it is instead."""


@dataclass(frozen=True)
class NativePixels:
    """Uncompressed pixels: `length` bytes from byte `offset` of the file, of NumPy type `dtype`."""

    offset: int
    length: int
    dtype: str


@dataclass(frozen=True)
class SliceHeader:
    """One slice's header.

    `position_mm` is the centre of the first pixel and `orientation` the directions along a row and down a column, in
    the patient's coordinates (x to the left, y to the back, z to the head); `pixel_spacing_mm` is (between rows,
    between columns). Empty where the file does not say. `padding` is the range of stored values that mean "not
    measured". `native` is None where pixels are compressed.
    """

    path: Path
    modality: str
    image_type: str
    patient: str
    series: str
    acquisition: str
    instance: int
    rows: int
    columns: int
    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_spacing_mm: tuple[float, ...]
    thickness_mm: float
    location_mm: float | None
    slope: float
    intercept: float
    padding: tuple[int, int] | None
    syntax: str
    native: NativePixels | None


def read_slice_header(path: Path) -> SliceHeader:
    """The header of the slice in `path`, its pixels untouched.

    Raises NotASliceError for a file that is not DICOM, or is DICOM but not one grey single-frame image.
    """
    with path.open("rb") as file:
        try:
            dataset = dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS.values()))
        except InvalidDicomError:
            raise NotASliceError("not a DICOM file") from None
        except Exception as error:  # pydicom meets arbitrary bytes here, and raises whatever they lead it to
            raise NotASliceError(f"not a readable DICOM file ({error})") from error
        syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
        return _header(path, _Values(dataset), syntax, _native_span(file, dataset, syntax))


def _native_span(file: BinaryIO, dataset: Dataset, syntax: str) -> tuple[int, int] | None:
    """(first byte, length) of uncompressed pixels, pydicom having stopped in front of their tag; else None."""
    if syntax not in _NATIVE:
        return None
    implicit, _ = dataset.original_encoding
    layout = _NATIVE[syntax] + ("HHI" if implicit else "HH4xI")  # explicit: two letters of type, two bytes unused
    tag = file.read(struct.calcsize(layout))
    if len(tag) < struct.calcsize(layout):
        return None
    group, element, length = struct.unpack(layout, tag)
    return (file.tell(), length) if (group, element) == _PIXEL_DATA else None


def _header(path: Path, values: "_Values", syntax: str, span: tuple[int, int] | None) -> SliceHeader:
    rows, columns = values.integer("Rows", 0), values.integer("Columns", 0)
    if not rows or not columns:
        raise NotASliceError("a DICOM file without a picture")
    if values.integer("SamplesPerPixel", 1) != 1:
        raise NotASliceError("a colour picture")
    if values.whole("NumberOfFrames", 1) > 1:
        raise NotASliceError("several frames in one file")
    signed = values.integer("PixelRepresentation", 0) == 1
    native = None
    if span is not None:
        dtype = f"{_NATIVE[syntax]}{'i' if signed else 'u'}{values.integer('BitsAllocated', 16) // 8}"
        native = NativePixels(*span, dtype)
    slope = values.numbers("RescaleSlope")
    location = values.numbers("SliceLocation")
    return SliceHeader(
        path=path,
        modality=values.text("Modality"),
        image_type=values.text("ImageType"),
        patient=values.text("PatientID"),
        series=values.text("SeriesInstanceUID"),
        acquisition=values.text("AcquisitionNumber"),
        instance=values.whole("InstanceNumber", 0),
        rows=rows,
        columns=columns,
        position_mm=values.numbers("ImagePositionPatient", 3),
        orientation=values.numbers("ImageOrientationPatient", 6),
        pixel_spacing_mm=values.numbers("PixelSpacing", 2),
        thickness_mm=(values.numbers("SliceThickness") or (0.0,))[0],
        location_mm=location[0] if location else None,
        slope=(slope[0] if slope else 1.0) or 1.0,
        intercept=(values.numbers("RescaleIntercept") or (0.0,))[0],
        padding=values.padding(signed),
        syntax=syntax,
        native=native,
    )


class _Values:
    """Header values from their raw bytes: pydicom's own conversion costs more than reading, and warns at oddities."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def _raw(self, keyword: str) -> bytes:
        tag = _TAGS[keyword]
        if tag not in self._dataset:
            return b""
        value = self._dataset.get_item(tag).value
        return value if isinstance(value, bytes) else str(value or "").encode()

    def text(self, keyword: str) -> str:
        return self._raw(keyword).decode("utf-8", "replace").strip("\0 ")

    def numbers(self, keyword: str, count: int = 1) -> tuple[float, ...]:
        """The first `count` decimals; empty if there are fewer, or any is not a finite number."""
        parts = self.text(keyword).split("\\")[:count]
        try:
            found = tuple(float(part) for part in parts)
        except ValueError:
            return ()
        return found if len(found) == count and np.isfinite(found).all() else ()

    def whole(self, keyword: str, default: int) -> int:
        return int((self.numbers(keyword) or (default,))[0])

    def integer(self, keyword: str, default: int, signed: bool = False) -> int:
        raw = self._raw(keyword)
        if not raw:
            return default
        little = self._dataset.get_item(_TAGS[keyword]).is_little_endian
        return int.from_bytes(raw[:2], "little" if little else "big", signed=signed)

    def padding(self, signed: bool) -> tuple[int, int] | None:
        # Its type follows the pixels', whatever the file declares: 63536 written for signed pixels is −2000.
        if not self._raw("PixelPaddingValue"):
            return None
        value = self.integer("PixelPaddingValue", 0, signed)
        limit = self.integer("PixelPaddingRangeLimit", value, signed)
        return min(value, limit), max(value, limit)
