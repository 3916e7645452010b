"""imagecodecs undoes the compression of one picture: JPEG of every kind, JPEG-LS, JPEG 2000 and RLE.

Codecs fill an array of the size the header tells, so that a damaged picture that claims to be huge takes no memory.
"""

import struct
from collections.abc import Callable
from itertools import pairwise

import imagecodecs
import numpy as np

from pulmo.imaging.slices import SliceHeader

_END_OF_JPEG = b"\xff\xd9"
_START_OF_JPEG_2000 = b"\xff\x4f\xff\x51"


def decode(frame: bytes, header: SliceHeader) -> np.ndarray:
    """A compressed picture → stored values, (rows, columns), of the header's dtype.

    Raises ValueError for an unknown syntax, another size or a picture cut short, and the codec's own exception, mostly
    a RuntimeError, for damage. Not all damage shows: none of these formats notices each wrong bit.
    """
    if header.syntax not in _CODECS:
        raise ValueError("a compression unknown here")
    stored = np.empty((header.rows, header.columns), header.dtype)
    _CODECS[header.syntax](frame, stored)
    return _sign_extended(stored, header.bits_stored)


def _jpeg(frame: bytes, stored: np.ndarray) -> None:
    """libjpeg would fill up what is missing, and say nothing."""
    _check_end(frame)
    imagecodecs.jpeg8_decode(frame, out=stored)


def _jpeg_ls(frame: bytes, stored: np.ndarray) -> None:
    """CharLS would notice what is missing, but sometimes after ten seconds."""
    _check_end(frame)
    imagecodecs.jpegls_decode(frame, out=stored)


def _check_end(frame: bytes) -> None:
    if frame.rfind(_END_OF_JPEG) < 0:
        raise ValueError("the end of the JPEG is missing")


def _jpeg_2000(frame: bytes, stored: np.ndarray) -> None:
    """OpenJPEG takes memory before it compares sizes: they are compared here."""
    picture = frame[frame.find(_START_OF_JPEG_2000) :]
    right, bottom, left, top = struct.unpack_from(">8x4I", picture)
    if (bottom - top, right - left) != stored.shape:
        raise ValueError(f"it holds {bottom - top} × {right - left} pixels")
    imagecodecs.jpeg2k_decode(picture, out=stored)


def _rle(frame: bytes, stored: np.ndarray) -> None:
    """The bytes of every value in planes of their own, the highest first, each packed. Raises struct.error too.

    Plane by plane, because imagecodecs' own dicomrle_decode trusts the offsets: wrong ones end the process.
    """
    count, *starts = struct.unpack_from("<16I", frame)
    if count != stored.itemsize:
        raise ValueError(f"{count} bytes a value, not {stored.itemsize}")
    planes = stored.view(np.uint8).reshape(*stored.shape, count)
    for place, (start, end) in enumerate(pairwise((*starts[:count], len(frame))), start=1):
        plane = np.frombuffer(imagecodecs.packbits_decode(frame[start:end]), np.uint8, stored.size)
        planes[..., -place] = plane.reshape(stored.shape)


def _sign_extended(stored: np.ndarray, bits_stored: int) -> np.ndarray:
    """Codecs do not know which bit is the sign; JPEG 2000 may say otherwise than the header, which is right."""
    unused = 8 * stored.itemsize - bits_stored
    if stored.dtype.kind == "i" and unused > 0:
        stored <<= unused
        stored >>= unused
    return stored


_JPEG = "1.2.840.10008.1.2.4."
_CODECS: dict[str, Callable[[bytes, np.ndarray], None]] = {
    "1.2.840.10008.1.2.5": _rle,
    **{_JPEG + kind: _jpeg for kind in ("50", "51", "53", "55", "57", "70")},
    **{_JPEG + kind: _jpeg_ls for kind in ("80", "81")},
    **{_JPEG + kind: _jpeg_2000 for kind in ("90", "91", "201", "202", "203")},
}
"""By transfer syntax: JPEG baseline, extended, progressive and lossless; JPEG 2000, also the high-throughput kind."""
