"""An image file → an X-ray, by the file's suffix: DICOM, PNG or JPEG; a competition may bring a reader of its own."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from pulmo.errors import Fault, ScanError
from pulmo.imaging.colour import grey_of_channels
from pulmo.imaging.radiograph import Radiograph, RadiographHeader, read_radiograph, robust_limits, to_uint8

Reader = Callable[[Path], Radiograph]
"""A file → the X-ray in it. A module's function, for it is sent to other processes; it raises ScanError, with the
remedy, for a file that it cannot read."""

_SIXTEEN_BITS = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_REMEDY = "Download the file again, or give it as DICOM, PNG or JPEG"


def read_raster(path: Path) -> Radiograph:
    """The X-ray in a PNG or JPEG file, whose header tells its size alone.

    Grey of up to 8 bits is kept as it is. Grey of 16 bits is scaled linearly from its darkest to its brightest half per
    cent, as a DICOM file without a window is. An image with colour channels counts as grey if they agree, see
    `imaging.colour`; an alpha channel is ignored, and so is the orientation in EXIF.

    Raises:
        ScanError: the file is missing, damaged, cut short, no image, or in colour.
    """
    try:
        with path.open("rb") as file, Image.open(file) as image:
            image.load()
            grey = _grey(image, path)
    except ScanError:
        raise
    except UnidentifiedImageError:
        what = "is no image that can be read" if path.stat().st_size else "not an image, but an empty file"
        raise ScanError(Fault(str(path), what, _REMEDY)) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as reason:
        words = getattr(reason, "strerror", None) or str(reason)
        raise ScanError(Fault(str(path), f"cannot be read ({words})", _REMEDY)) from reason
    rows, columns = grey.shape
    return Radiograph(grey, RadiographHeader(None, None, None, None, None, rows, columns, None))


READERS: Mapping[str, Reader] = {
    ".dcm": read_radiograph,
    ".png": read_raster,
    ".jpg": read_raster,
    ".jpeg": read_raster,
}
"""The reader of each suffix, in lower case."""
DICOM, RASTER = (".dcm",), (".png", ".jpg", ".jpeg")


def read_image(path: Path) -> Radiograph:
    """The X-ray in a file of any of the suffixes of READERS, capitals or not.

    Raises:
        ScanError: of another suffix, or as the format's reader does.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        what = f"has the suffix {path.suffix!r}, for which there is no reader"
        raise ScanError(Fault(str(path), what, f"Give one of {', '.join(READERS)}"))
    return reader(path)


def _grey(image: Image.Image, path: Path) -> np.ndarray:
    """uint8 (rows, columns)."""
    if image.mode in _SIXTEEN_BITS:
        values = np.asarray(image).astype(np.float32)
        return to_uint8(values, *robust_limits(values))
    if image.mode in ("1", "L", "LA"):
        return np.asarray(image.convert("L"))
    return grey_of_channels(np.asarray(image.convert("RGB")), path)
