"""Grey X-rays stored in colour: channels that agree, and palettes of greys; what is really in colour is refused."""

import warnings
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.pixels import apply_color_lut, pixel_array

from pulmo.errors import Fault, ScanError
from pulmo.imaging.dicom_parser import readable
from pulmo.imaging.pixels import WARNINGS_LOCK
from pulmo.imaging.slices import PALETTE

MAX_COLOUR_SPREAD = 3
"""Grey levels by which the channels of a grey image may differ: the rounding of JPEG's colour transform."""


def grey_of_channels(channels: np.ndarray, path: Path) -> np.ndarray:
    """The grey image in colour channels, uint8 (rows, columns, 3) → (rows, columns): the green one.

    Raises:
        ScanError: the channels differ by more than MAX_COLOUR_SPREAD; `path` names the file.
    """
    spread = int(np.ptp(channels, axis=2).max(initial=0))
    if spread > MAX_COLOUR_SPREAD:
        what = f"is in colour: its channels differ by up to {spread} of 255 levels"
        raise ScanError(Fault(str(path), what, "Give a grey X-ray, or read the file with a reader of your own"))
    return np.ascontiguousarray(channels[..., 1])


def read_colour_dicom(path: Path, photometric: str) -> np.ndarray:
    """The grey image in a colour DICOM file (RGB, YBR, or a palette), uint8 (rows, columns).

    A palette of 16 bits is cut to its upper 8, as displays do (DICOM PS3.3 C.7.6.3.1.5).

    Args:
        path: of the file.
        photometric: its PhotometricInterpretation, for errors.

    Raises:
        ScanError: the image is in colour, has more than 8 bits a channel or several frames, or cannot be decoded.
    """
    try:
        with WARNINGS_LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with path.open("rb") as file:
                dataset = dcmread(file, force=True)
            channels = pixel_array(dataset)
            if photometric == PALETTE:
                channels = apply_color_lut(channels, dataset)
                if channels.dtype.itemsize > 1:
                    channels = (channels >> 8).astype(np.uint8)
    except Exception as reason:  # each decoder has exceptions of its own
        lines = str(reason).strip().splitlines() or [type(reason).__name__]
        what = f"a colour image ({photometric or 'several samples a pixel'}) that cannot be decoded"
        raise ScanError(
            Fault(str(path), f"{what}: {readable(lines[0].strip())}", "Give a DICOM file with one grey X-ray")
        ) from reason
    if channels.ndim != 3 or channels.shape[2] != 3 or channels.dtype != np.uint8:
        what = f"a colour image ({photometric}) of {channels.dtype} {channels.shape}, not one of 8 bits and 3 channels"
        raise ScanError(Fault(str(path), what, "Give a DICOM file with one grey X-ray"))
    return grey_of_channels(channels, path)
