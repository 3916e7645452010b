"""Reads a slice's stored pixel values, compressed or not."""

import struct
import warnings
from pathlib import Path
from threading import Lock

import numpy as np
from pydicom import dcmread
from pydicom.encaps import get_frame

from pulmo.errors import Fault, ScanError
from pulmo.imaging.dicom_parser import DEFLATED, ITEM, SEQUENCE_END, UNDEFINED, readable
from pulmo.imaging.slices import SliceHeader
from pulmo.imaging.stored_bits import stored_values

WARNINGS_LOCK = Lock()
"""Guards `warnings.catch_warnings`, which changes the whole process."""


def read_pixels(header: SliceHeader) -> np.ndarray:
    """One slice's stored values, (rows, columns), before rescaling; bits outside BitsStored are removed.

    Raises ScanError if the file cannot be read, the pixels are truncated or more than the header declares, BitsStored,
    HighBit and BitsAllocated are inconsistent, or the compression cannot be decoded.
    """
    if not 1 <= header.bits_stored <= header.bits_allocated:
        what = f"BitsStored is {header.bits_stored}, BitsAllocated {header.bits_allocated}"
        raise ScanError(Fault(str(header.path), what, "Export the series again"))
    try:
        pixels = _pixels(header)
        if pixels.shape != (header.rows, header.columns):
            raise ValueError(f"decoded to {pixels.shape}, not {header.rows} × {header.columns}")
    except ScanError:
        raise
    except OSError as reason:
        what = f"cannot be read ({reason.strerror or reason})"
        raise ScanError(Fault(str(header.path), what, "Download the file again")) from reason
    except Exception as reason:  # each decoder has exceptions of its own
        lines = str(reason).strip().splitlines() or [type(reason).__name__]
        why = readable(lines[-1].strip())
        what = f"its pixels cannot be decoded (transfer syntax {header.syntax or 'missing'}: {why})"
        raise ScanError(Fault(str(header.path), what, "Convert the series to uncompressed DICOM")) from reason
    return pixels


def _pixels(header: SliceHeader) -> np.ndarray:
    if header.is_native:
        return _native(header)
    if header.is_encapsulated:
        from pulmo.imaging.decoders import decode  # imported for compressed scans only

        return decode(_frame(header), header)
    return _by_pydicom(header)


def _native(header: SliceHeader) -> np.ndarray:
    offset, length = header.pixels or (0, 0)
    _check_length(header, length)
    data = np.empty(_needed(header), np.uint8)
    with header.path.open("rb") as file:
        file.seek(offset)
        there = file.readinto(data.data)
    if there < len(data):
        raise _truncated(header.path, f"{there:,} of {len(data):,} bytes")
    return _values(data, header)


def _needed(header: SliceHeader) -> int:
    """Bytes of an uncompressed image, rounded up to whole words where 8-bit pixels are stored in them."""
    count = header.rows * header.columns * np.dtype(header.dtype).itemsize
    return count + count % 2 if header.swapped else count


def _check_length(header: SliceHeader, length: int) -> None:
    """Twice as many bytes as needed or more mean other pixels than declared: wider, in colour, or compressed."""
    needed = _needed(header)
    if length < needed:
        raise _truncated(header.path, f"{length:,} of {needed:,} bytes")
    if length == UNDEFINED:
        what = f"its pixels are compressed, but its transfer syntax {header.syntax} is uncompressed"
        raise ScanError(Fault(str(header.path), what, "Export the series again"))
    if length >= 2 * needed and length > needed + 1:
        what = f"its pixel data has {length:,} bytes, but {header.rows} × {header.columns} pixels take {needed:,}"
        remedy = "Export it again: its BitsAllocated, SamplesPerPixel or NumberOfFrames is wrong"
        raise ScanError(Fault(str(header.path), what, remedy))


def _values(data: np.ndarray, header: SliceHeader) -> np.ndarray:
    """Bytes of the file → pixel values, (rows, columns), in native byte order.

    NumPy 2.0 crashes on non-native integers combined with a negative Python number.
    """
    if header.swapped:
        data = data.view(np.uint16).byteswap().view(np.uint8)[: header.rows * header.columns]
    dtype = np.dtype(header.dtype)
    words = data.view(dtype).astype(dtype.newbyteorder("="), copy=False).reshape(header.rows, header.columns)
    return stored_values(words, header.bits_stored, header.high_bit, header.padding)


def _frame(header: SliceHeader) -> bytes:
    """The compressed image: all fragments after the first, which is the offset table."""
    with header.path.open("rb") as file:
        file.seek((header.pixels or (0, 0))[0])
        if header.frame is not None:
            return bytes(get_frame(file, header.frame))
        data = file.read()
    position = 0
    fragments: list[bytes] = []
    while position + 8 <= len(data):
        group, element, length = struct.unpack_from("<HHI", data, position)
        tag, position = group << 16 | element, position + 8
        if tag == SEQUENCE_END:
            return b"".join(fragments[1:])
        if tag != ITEM:
            break
        fragments.append(data[position : position + length])
        position += length
    raise _truncated(header.path, "the end of its compressed data is missing")


def _by_pydicom(header: SliceHeader) -> np.ndarray:
    """Deflated files and other rare encodings."""
    with WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with header.path.open("rb") as file:
            dataset = dcmread(file, force=True)
        if header.syntax not in DEFLATED or not header.in_whole_bytes:
            pixels = np.asarray(dataset.pixel_array)
            return pixels if header.frame is None else pixels[header.frame]
    data: bytes = dataset.PixelData
    if header.frame is not None:
        data = data[header.frame * _needed(header) :][: _needed(header)]
    _check_length(header, len(data))
    return _values(np.frombuffer(data, np.uint8, _needed(header)).copy(), header)


def _truncated(path: Path, how: str) -> ScanError:
    return ScanError(Fault(str(path), f"its pixel data is truncated: {how}", "Download the file again"))
