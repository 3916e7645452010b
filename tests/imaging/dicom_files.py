"""Builders of unusual DICOM files of one image."""

import struct
from itertools import accumulate
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)


def write_image(
    path: Path,
    words: np.ndarray,
    bits_stored: int,
    *,
    syntax: str = ExplicitVRLittleEndian,
    vr: str = "OW",
    **tags: Any,
) -> Path:
    """A CT slice of the words (rows, columns), signed or not as they are; `tags` by DICOM keyword.

    Pixels of the declared type `vr`, or compressed without loss. `frame=` gives the compressed data.
    """
    frame = tags.pop("frame", None)
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, generate_uid(entropy_srcs=[path.name])
    dataset.Modality, dataset.SeriesInstanceUID, dataset.InstanceNumber = "CT", "1.2.3", "1"
    dataset.PixelSpacing, dataset.RescaleIntercept, dataset.RescaleSlope = ["1", "1"], "-1024", "1"
    dataset.Rows, dataset.Columns = words.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored = 8 * words.itemsize, bits_stored
    dataset.HighBit, dataset.PixelRepresentation = bits_stored - 1, int(words.dtype.kind == "i")
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    if UID(syntax).is_compressed and not UID(syntax).is_deflated:
        dataset.add_new("PixelData", "OB", encapsulate([frame or compressed(words, syntax)]))
    else:
        dataset.add_new("PixelData", vr, plain(words, syntax, vr))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.save_as(path, enforce_file_format=True)
    return path


def plain(words: np.ndarray, syntax: str, vr: str) -> bytes:
    """Words in the syntax's byte order. Bytes declared as 16-bit words are swapped in big-endian files."""
    if syntax != ExplicitVRBigEndian:
        return words.tobytes() + b"\0" * (words.nbytes % 2)
    if words.itemsize > 1 or vr == "OB":
        return words.astype(words.dtype.newbyteorder(">")).tobytes() + b"\0" * (words.nbytes % 2)
    padded = words.tobytes() + b"\0" * (words.nbytes % 2)
    return np.frombuffer(padded, "<u2").byteswap().tobytes()


def compressed(words: np.ndarray, syntax: str) -> bytes:
    """All bits of the words (rows, columns) in one compressed image."""
    bits = words.view(f"u{words.itemsize}")
    encoded: Any
    if syntax == RLELossless:
        encoded = _rle(bits)
    elif syntax == JPEGLosslessSV1:
        encoded = imagecodecs.jpeg8_encode(bits, lossless=True, predictor=1, bitspersample=8 * words.itemsize)
    elif syntax == JPEGLSLossless:
        encoded = imagecodecs.jpegls_encode(bits)
    elif syntax == JPEG2000Lossless:
        encoded = imagecodecs.jpeg2k_encode(bits, reversible=True, codecformat="j2k")
    else:
        raise ValueError(f"no encoder for {syntax}")
    return bytes(encoded)


def _rle(bits: np.ndarray) -> bytes:
    """The highest bytes first, each plane of bytes packed (DICOM PS3.5, G); pydicom's encoder refuses 32 bits."""
    planes = np.moveaxis(bits[..., None].view("u1"), -1, 0)[::-1]
    packed = [bytes(imagecodecs.packbits_encode(plane.tobytes())) for plane in planes]
    packed = [plane + b"\0" * (len(plane) % 2) for plane in packed]
    starts = list(accumulate(map(len, packed[:-1]), initial=64))
    return struct.pack("<16I", len(packed), *starts, *[0] * (15 - len(packed))) + b"".join(packed)
