"""Decompression of one image by imagecodecs: JPEG of every kind, JPEG-LS, JPEG 2000 and RLE.

Codecs fill an array of the size in the DICOM header, so that a damaged codestream with a huge size takes no memory.
"""

import struct
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import imagecodecs
import numpy as np

from pulmo.imaging.slices import SliceHeader
from pulmo.imaging.stored_bits import stored_values

_START_OF_JPEG, _END_OF_JPEG = b"\xff\xd8", b"\xff\xd9"
_JPEG_FRAMES = frozenset([0xC0, 0xC1, 0xC2, 0xC3, 0xF7])
"""Start-of-frame markers: baseline, extended, progressive, lossless; JPEG-LS."""

_START_OF_JPEG_2000 = b"\xff\x4f\xff\x51"


class _CodestreamHeader(NamedTuple):
    """Size and sample format as the codestream declares them."""

    precision: int
    signed: bool
    rows: int
    columns: int
    components: int


def decode(frame: bytes, header: SliceHeader) -> np.ndarray:
    """A compressed image → stored values, (rows, columns), of the header's dtype.

    Raises ValueError for an unsupported syntax, another size or truncated data, and the codec's own exception, mostly
    a RuntimeError, for damage. Not all damage is detected: none of these formats has a checksum of every bit.
    """
    if header.syntax not in _CODECS:
        raise ValueError("unsupported compression")
    try:
        return _CODECS[header.syntax](frame, header)
    except struct.error:
        raise ValueError("its compressed data is truncated") from None


def _jpeg(frame: bytes, header: SliceHeader) -> np.ndarray:
    """libjpeg fills missing data silently, so the end marker is checked first."""
    _check_end(frame)
    words = _filled(imagecodecs.jpeg8_decode, frame, declared := _jpeg_header(frame), header)
    return _stored(words, declared.precision, header.bits_stored, header)


def _jpeg_ls(frame: bytes, header: SliceHeader) -> np.ndarray:
    """CharLS detects missing data, but sometimes after ten seconds, so the end marker is checked first."""
    _check_end(frame)
    words = _filled(imagecodecs.jpegls_decode, frame, declared := _jpeg_header(frame), header)
    return _stored(words, declared.precision, min(declared.precision, header.bits_stored), header)


def _check_end(frame: bytes) -> None:
    if frame.rfind(_END_OF_JPEG) < 0:
        raise ValueError("the end of the JPEG is missing")


def _jpeg_header(frame: bytes) -> _CodestreamHeader:
    """From the frame header (ISO/IEC 10918-1, B.2.2), the first segment of such a kind. Raises struct.error too."""
    position = frame.find(_START_OF_JPEG) + len(_START_OF_JPEG)
    while True:
        filling, kind, length = struct.unpack_from(">BBH", frame, position)
        if filling != 0xFF:
            raise ValueError("its JPEG has no frame header")
        if kind in _JPEG_FRAMES:
            precision, rows, columns, components = struct.unpack_from(">BHHB", frame, position + 4)
            return _CodestreamHeader(precision, False, rows, columns, components)
        position += 1 if kind == 0xFF else 2 + length


def _jpeg_2000(frame: bytes, header: SliceHeader) -> np.ndarray:
    """By the codestream's SIZ segment (ISO/IEC 15444-1, A.5.1). Raises struct.error too."""
    codestream = frame[frame.find(_START_OF_JPEG_2000) :]
    right, bottom, left, top, components, depth = struct.unpack_from(">8x4I16xHB", codestream)
    declared = _CodestreamHeader((depth & 0x7F) + 1, depth > 0x7F, bottom - top, right - left, components)
    words = _filled(imagecodecs.jpeg2k_decode, codestream, declared, header)
    return _stored(words, declared.precision, min(declared.precision, header.bits_stored), header)


def _rle(frame: bytes, header: SliceHeader) -> np.ndarray:
    """One PackBits plane for each byte of a value, the highest byte first. Raises struct.error too.

    Plane by plane, because imagecodecs' own dicomrle_decode crashes the process on wrong offsets.
    """
    words = np.empty((header.rows, header.columns), header.dtype)
    count, *starts = struct.unpack_from("<16I", frame)
    if count != words.itemsize:
        raise ValueError(f"{count} bytes a value, not {words.itemsize}")
    planes = words.view(np.uint8).reshape(*words.shape, count)
    for place, (start, end) in enumerate(pairwise((*starts[:count], len(frame))), start=1):
        plane = np.frombuffer(imagecodecs.packbits_decode(frame[start:end]), np.uint8, words.size)
        planes[..., -place] = plane.reshape(words.shape)
    return _stored(words, header.bits_allocated, header.bits_stored, header)


def _filled(
    decoder: Callable[..., object], frame: bytes, declared: _CodestreamHeader, header: SliceHeader
) -> np.ndarray:
    """Words of the header's dtype (rows, columns). The codestream may be narrower: 8 bits where 16 are allocated."""
    if (declared.rows, declared.columns) != (header.rows, header.columns):
        raise ValueError(f"it holds {declared.rows} × {declared.columns} pixels, not {header.rows} × {header.columns}")
    if declared.components != 1:
        raise ValueError(f"it holds {declared.components} colour components")
    dtype = np.dtype(header.dtype)
    if declared.precision > 8 * dtype.itemsize:
        raise ValueError(f"it has {declared.precision} bits a pixel, where {8 * dtype.itemsize} are allocated")
    width = next(width for width in (1, 2, 4) if declared.precision <= 8 * width)
    words = np.empty((header.rows, header.columns), f"{'i' if declared.signed else 'u'}{width}")
    decoder(frame, out=words)
    return words.view(dtype) if width == dtype.itemsize else words.astype(dtype)


def _stored(words: np.ndarray, precision: int, bits_stored: int, header: SliceHeader) -> np.ndarray:
    """High Bit counts only where the precision reaches it; the codecs do not know which bit is the sign."""
    high_bit = header.high_bit if precision > header.high_bit else bits_stored - 1
    return stored_values(words, bits_stored, high_bit, header.padding)


_JPEG = "1.2.840.10008.1.2.4."
_CODECS: dict[str, Callable[[bytes, SliceHeader], np.ndarray]] = {
    "1.2.840.10008.1.2.5": _rle,
    **{_JPEG + kind: _jpeg for kind in ("50", "51", "53", "55", "57", "70")},
    **{_JPEG + kind: _jpeg_ls for kind in ("80", "81")},
    **{_JPEG + kind: _jpeg_2000 for kind in ("90", "91", "201", "202", "203")},
}
"""By transfer syntax: JPEG baseline, extended, progressive and lossless; JPEG 2000, also the high-throughput kind."""
