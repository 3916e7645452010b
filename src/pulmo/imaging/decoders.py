"""imagecodecs undoes the compression of one picture: JPEG of every kind, JPEG-LS, JPEG 2000 and RLE.

Codecs fill an array of the size the header tells, so that a damaged picture that claims to be huge takes no memory.
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
"""Kinds of segment that begin a picture: baseline, extended, progressive, lossless; JPEG-LS."""

_START_OF_JPEG_2000 = b"\xff\x4f\xff\x51"


class _Picture(NamedTuple):
    """What a compressed picture says of itself."""

    precision: int
    signed: bool
    rows: int
    columns: int
    components: int


def decode(frame: bytes, header: SliceHeader) -> np.ndarray:
    """A compressed picture → stored values, (rows, columns), of the header's dtype.

    Raises ValueError for an unknown syntax, another size or a picture cut short, and the codec's own exception, mostly
    a RuntimeError, for damage. Not all damage shows: none of these formats notices each wrong bit.
    """
    if header.syntax not in _CODECS:
        raise ValueError("a compression unknown here")
    try:
        return _CODECS[header.syntax](frame, header)
    except struct.error:
        raise ValueError("its compressed picture is cut short") from None


def _jpeg(frame: bytes, header: SliceHeader) -> np.ndarray:
    """libjpeg would fill up what is missing, and say nothing."""
    _check_end(frame)
    words = _filled(imagecodecs.jpeg8_decode, frame, picture := _jpeg_picture(frame), header)
    return _stored(words, picture.precision, header.bits_stored, header)


def _jpeg_ls(frame: bytes, header: SliceHeader) -> np.ndarray:
    """CharLS would notice what is missing, but sometimes after ten seconds."""
    _check_end(frame)
    words = _filled(imagecodecs.jpegls_decode, frame, picture := _jpeg_picture(frame), header)
    return _stored(words, picture.precision, min(picture.precision, header.bits_stored), header)


def _check_end(frame: bytes) -> None:
    if frame.rfind(_END_OF_JPEG) < 0:
        raise ValueError("the end of the JPEG is missing")


def _jpeg_picture(frame: bytes) -> _Picture:
    """From the frame header (ISO/IEC 10918-1, B.2.2), the first segment of such a kind. Raises struct.error too."""
    position = frame.find(_START_OF_JPEG) + len(_START_OF_JPEG)
    while True:
        filling, kind, length = struct.unpack_from(">BBH", frame, position)
        if filling != 0xFF:
            raise ValueError("its JPEG has no frame header")
        if kind in _JPEG_FRAMES:
            precision, rows, columns, components = struct.unpack_from(">BHHB", frame, position + 4)
            return _Picture(precision, False, rows, columns, components)
        position += 1 if kind == 0xFF else 2 + length


def _jpeg_2000(frame: bytes, header: SliceHeader) -> np.ndarray:
    """By the codestream's SIZ segment (ISO/IEC 15444-1, A.5.1). Raises struct.error too."""
    codestream = frame[frame.find(_START_OF_JPEG_2000) :]
    right, bottom, left, top, components, depth = struct.unpack_from(">8x4I16xHB", codestream)
    picture = _Picture((depth & 0x7F) + 1, depth > 0x7F, bottom - top, right - left, components)
    words = _filled(imagecodecs.jpeg2k_decode, codestream, picture, header)
    return _stored(words, picture.precision, min(picture.precision, header.bits_stored), header)


def _rle(frame: bytes, header: SliceHeader) -> np.ndarray:
    """The bytes of every value in planes of their own, the highest first, each packed. Raises struct.error too.

    Plane by plane, because imagecodecs' own dicomrle_decode trusts the offsets: wrong ones end the process.
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


def _filled(decoder: Callable[..., object], frame: bytes, picture: _Picture, header: SliceHeader) -> np.ndarray:
    """Words of the header's dtype (rows, columns). The picture may be narrower: 8 bits where 16 are allocated."""
    if (picture.rows, picture.columns) != (header.rows, header.columns):
        raise ValueError(f"it holds {picture.rows} × {picture.columns} pixels, not {header.rows} × {header.columns}")
    if picture.components != 1:
        raise ValueError(f"it holds {picture.components} colours")
    dtype = np.dtype(header.dtype)
    if picture.precision > 8 * dtype.itemsize:
        raise ValueError(f"it has {picture.precision} bits a pixel, where {8 * dtype.itemsize} are allocated")
    width = next(width for width in (1, 2, 4) if picture.precision <= 8 * width)
    words = np.empty((header.rows, header.columns), f"{'i' if picture.signed else 'u'}{width}")
    decoder(frame, out=words)
    return words.view(dtype) if width == dtype.itemsize else words.astype(dtype)


def _stored(words: np.ndarray, precision: int, bits_stored: int, header: SliceHeader) -> np.ndarray:
    """Only a picture that holds High Bit can have pixels up there; the codecs do not know which bit is the sign."""
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
