"""A slice's pixels as its file stores them, whatever the compression."""

import warnings
from pathlib import Path

import numpy as np
from pydicom import dcmread

from pulmo.errors import Fault, ScanError
from pulmo.imaging.slices import SliceHeader


def read_pixels(header: SliceHeader) -> np.ndarray:
    """Stored values, (rows, columns), before any rescaling.

    Raises ScanError if the pixels are cut short, or compressed in a way that no decoder here can undo.
    """
    return _compressed(header) if header.native is None else _native(header)


def _native(header: SliceHeader) -> np.ndarray:
    assert header.native is not None
    span, dtype = header.native, np.dtype(header.native.dtype)
    count = header.rows * header.columns
    if span.length < count * dtype.itemsize:
        raise _cut_short(header.path, span.length, count * dtype.itemsize)
    pixels = np.fromfile(header.path, dtype, count, offset=span.offset)
    if pixels.size < count:
        raise _cut_short(header.path, pixels.nbytes, count * dtype.itemsize)
    return pixels.reshape(header.rows, header.columns)


def _compressed(header: SliceHeader) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pixels = np.asarray(dcmread(header.path).pixel_array)
        except Exception as error:
            what = f"its pixels cannot be decoded ({error})"
            raise ScanError(Fault(str(header.path), what, "Convert the series to uncompressed DICOM")) from error
    return pixels


def _cut_short(path: Path, found: int, expected: int) -> ScanError:
    return ScanError(
        Fault(str(path), f"its pixel data is cut short: {found:,} of {expected:,} bytes", "Download the file again")
    )
