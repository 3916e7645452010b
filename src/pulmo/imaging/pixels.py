"""A slice's pixels as its file stores them, whatever the compression."""

import struct
import warnings
from pathlib import Path
from threading import Lock

import numpy as np
from pydicom import dcmread

from pulmo.errors import Fault, ScanError
from pulmo.imaging.elements import ITEM, SEQUENCE_END
from pulmo.imaging.slices import SliceHeader

_ONE_AT_A_TIME = Lock()
"""For what silences warnings: in Python, that is a setting of the whole process."""


def read_pixels(header: SliceHeader) -> np.ndarray:
    """One slice's stored values, (rows, columns), before any rescaling.

    Raises ScanError if the pixels are cut short, or no decoder here can undo their compression.
    """
    if header.is_native:
        return _native(header)
    frame = _frame(header) if header.is_encapsulated else None
    try:
        pixels = _by_pydicom(header) if frame is None else _decoded(frame, header)
        if pixels.shape != (header.rows, header.columns):
            raise ValueError(f"decoded to {pixels.shape}, not {header.rows} × {header.columns}")
    except Exception as reason:  # each decoder has exceptions of its own
        said = str(reason).strip().splitlines() or [type(reason).__name__]
        what = f"its pixels cannot be decoded (transfer syntax {header.syntax or 'missing'}: {said[-1].strip()})"
        raise ScanError(Fault(str(header.path), what, "Convert the series to uncompressed DICOM")) from reason
    return pixels


def _native(header: SliceHeader) -> np.ndarray:
    offset, length = header.pixels or (0, 0)
    count, dtype = header.rows * header.columns, np.dtype(header.dtype)
    if length < count * dtype.itemsize:
        raise _cut_short(header.path, f"{length:,} of {count * dtype.itemsize:,} bytes")
    pixels = np.fromfile(header.path, dtype, count, offset=offset)
    if pixels.size < count:
        raise _cut_short(header.path, f"{pixels.nbytes:,} of {count * dtype.itemsize:,} bytes")
    # To this machine's byte order: NumPy 2.0 crashes where foreign integers meet a negative Python number.
    return pixels.astype(dtype.newbyteorder("="), copy=False).reshape(header.rows, header.columns)


def _frame(header: SliceHeader) -> bytes:
    """The compressed picture: all fragments after the first, which is a table of offsets."""
    with header.path.open("rb") as file:
        file.seek((header.pixels or (0, 0))[0])
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
    raise _cut_short(header.path, "the end of its compressed picture is missing")


def _decoded(frame: bytes, header: SliceHeader) -> np.ndarray:
    from pulmo.imaging.decoders import decode  # only compressed scans need it

    return decode(frame, header)


def _by_pydicom(header: SliceHeader) -> np.ndarray:
    """Deflated files and other rarities."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(dcmread(header.path).pixel_array)


def _cut_short(path: Path, how: str) -> ScanError:
    return ScanError(Fault(str(path), f"its pixel data is cut short: {how}", "Download the file again"))
