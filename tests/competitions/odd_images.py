"""X-rays as other systems export them: grey levels as colours or inverted, in colour, smaller than a network."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian

from pulmo.imaging.radiograph import read_radiograph

SMALL = (20, 24)
"""Rows and columns, fewer than the test networks' 32."""


def write_odd_images(inverted: Path, as_rgb: Path, coloured: Path, small: Path) -> None:
    """Rewrite four X-rays, each as the argument's name says; headers stay."""
    grey = read_radiograph(inverted).grey
    _rewrite(inverted, ~grey, PhotometricInterpretation="MONOCHROME1")
    channels = np.repeat(read_radiograph(as_rgb).grey[..., None], 3, axis=2)
    _rewrite(as_rgb, channels, PhotometricInterpretation="YBR_FULL_422", jpeg=True)
    channels = np.repeat(read_radiograph(coloured).grey[..., None], 3, axis=2)
    channels[:40, :40] = (200, 30, 30)
    _rewrite(coloured, channels, PhotometricInterpretation="RGB")
    rows, columns = SMALL
    _rewrite(small, np.ascontiguousarray(read_radiograph(small).grey[:rows, :columns]))


def _rewrite(path: Path, pixels: np.ndarray, jpeg: bool = False, **tags: Any) -> None:
    dataset = dcmread(path)
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    if pixels.ndim == 3:
        dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
    if jpeg:
        dataset.PixelData = encapsulate([bytes(imagecodecs.jpeg8_encode(pixels, level=98))])
    else:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.PixelData = pixels.tobytes()
        dataset["PixelData"].is_undefined_length = False
    dataset.save_as(path, enforce_file_format=True)
