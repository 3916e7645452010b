"""Lossless compression of a slice's pixels: RLE by pydicom, JPEG by gdcm."""

import gdcm
import numpy as np
from pydicom.encaps import encapsulate as in_fragments
from pydicom.pixels import get_encoder
from pydicom.uid import UID, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

_GDCM = {
    JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    JPEGLSLossless: gdcm.TransferSyntax.JPEGLSLossless,
    JPEG2000Lossless: gdcm.TransferSyntax.JPEG2000Lossless,
}


def encapsulate(stored: np.ndarray, bits_stored: int, syntax: UID) -> bytes:
    """Stored pixels (rows, columns), 16-bit little endian → the value of Pixel Data in a compressed syntax.

    Raises ValueError for a syntax that is not one of RLE, JPEG lossless (SV1), JPEG-LS and JPEG 2000 lossless.
    """
    if syntax == RLELossless:
        frame = _rle(stored, bits_stored)
    elif syntax in _GDCM:
        frame = _gdcm(stored, bits_stored, syntax)
    else:
        raise ValueError(f"no lossless encoder for the transfer syntax {syntax.name}")
    return bytes(in_fragments([frame]))


def _rle(stored: np.ndarray, bits_stored: int) -> bytes:
    rows, columns = stored.shape
    encoded = get_encoder(RLELossless).encode(
        stored,
        encoding_plugin="pydicom",
        rows=rows,
        columns=columns,
        number_of_frames=1,
        samples_per_pixel=1,
        bits_allocated=16,
        bits_stored=bits_stored,
        pixel_representation=int(stored.dtype.kind == "i"),
        photometric_interpretation="MONOCHROME2",
        transfer_syntax_uid=RLELossless,
    )
    return bytes(encoded)


def _gdcm(stored: np.ndarray, bits_stored: int, syntax: UID) -> bytes:
    """Raises RuntimeError where gdcm refuses."""
    pixels = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    pixels.SetByteStringValue(stored.tobytes())
    # The image must be owned by gdcm: if Python frees it while `change` still uses it, the process aborts.
    owner = gdcm.ImageWriter()
    image = owner.GetImage()
    image.SetNumberOfDimensions(2)
    image.SetDimension(0, stored.shape[1])
    image.SetDimension(1, stored.shape[0])
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, bits_stored, bits_stored - 1, int(stored.dtype.kind == "i")))
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ImplicitVRLittleEndian))
    image.SetDataElement(pixels)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(_GDCM[syntax]))
    change.SetInput(image)
    if not change.Change():
        raise RuntimeError(f"gdcm cannot write {syntax.name} with {bits_stored} bits")
    fragments = change.GetOutput().GetDataElement().GetSequenceOfFragments()
    parts = (fragments.GetFragment(n).GetByteValue().GetBuffer() for n in range(fragments.GetNumberOfFragments()))
    # gdcm returns bytes as text, with invalid UTF-8 as surrogates.
    return b"".join(part.encode("utf-8", errors="surrogateescape") for part in parts)
