"""gdcm undoes the compression of one picture: JPEG, JPEG-LS, JPEG 2000 and RLE."""

from pathlib import Path

import gdcm
import numpy as np

from pulmo.imaging.slices import SliceHeader


def decode(frame: bytes, header: SliceHeader, scratch: Path) -> np.ndarray:
    """A compressed picture → stored values, (rows, columns); `scratch` is written over.

    Raises RuntimeError where gdcm cannot. It is given the picture alone: over an odd file its own reader may abort
    the process.
    """
    # The picture must belong to gdcm: one that Python frees while `change` still counts on it aborts the process.
    owner = gdcm.ImageWriter()
    packed = owner.GetImage()
    _describe(packed, header)
    fragment, fragments = gdcm.Fragment(), gdcm.SequenceOfFragments.New()
    fragment.SetByteStringValue(frame)
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    packed.SetDataElement(element)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
    change.SetInput(packed)
    if not change.Change():
        raise RuntimeError("gdcm cannot decode it")
    return _through_file(change.GetOutput(), header, scratch)


def _describe(packed: gdcm.Image, header: SliceHeader) -> None:
    syntax = gdcm.TransferSyntax.GetTSType(header.syntax)
    if syntax == gdcm.TransferSyntax.TS_END:
        raise RuntimeError("unknown to gdcm")
    packed.SetNumberOfDimensions(2)
    packed.SetDimension(0, header.columns)
    packed.SetDimension(1, header.rows)
    signed = int(np.dtype(header.dtype).kind == "i")
    stored = header.bits_stored
    packed.SetPixelFormat(gdcm.PixelFormat(1, header.bits_allocated, stored, stored - 1, signed))
    grey = gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    packed.SetPhotometricInterpretation(grey)
    packed.SetTransferSyntax(gdcm.TransferSyntax(syntax))


def _through_file(picture: gdcm.Image, header: SliceHeader, scratch: Path) -> np.ndarray:
    """gdcm hands pixels to Python as text, which costs half as much as decoding them; a file is nearly free."""
    count = header.rows * header.columns
    kind = picture.GetPixelFormat()
    dtype = np.dtype(f"<{'i' if kind.GetPixelRepresentation() else 'u'}{kind.GetBitsAllocated() // 8}")
    if picture.GetBufferLength() != count * dtype.itemsize:
        raise RuntimeError(f"gdcm decodes {picture.GetBufferLength():,} bytes")
    writer = gdcm.ImageWriter()
    writer.SetImage(picture)
    writer.SetFileName(str(scratch))
    if not writer.Write():
        raise RuntimeError("gdcm cannot write what it decoded")
    # Pixels come last in what gdcm writes.
    start = scratch.stat().st_size - count * dtype.itemsize
    pixels = np.fromfile(scratch, dtype, count, offset=start).reshape(header.rows, header.columns)
    return _sign_extended(pixels, header)


def _sign_extended(pixels: np.ndarray, header: SliceHeader) -> np.ndarray:
    """JPEG 2000 says by itself whether it is signed, and sometimes says otherwise than the header, which is right."""
    unused = 8 * pixels.itemsize - header.bits_stored
    if np.dtype(header.dtype).kind != "i" or not unused:
        return pixels
    extended: np.ndarray = (pixels.astype(header.dtype) << unused) >> unused
    return extended
