"""Drawn X-rays as a competition's files: how many, where each is written, in which format, and damaged ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import imagecodecs
import numpy as np

from pulmo.phantom.radiograph_dicom import PatientHeader, write_radiograph

Case = TypeVar("Case")

ODD_FROM = 20
"""From so many training images on, some are odd, as among Kaggle's own."""
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class RadiographPhantomSettings:
    """How many images, from which seed, and how large a side."""

    train_images: int = 240
    test_images: int = 40
    seed: int = 0
    pixels: int = 1024


class ImageOrder(NamedTuple, Generic[Case]):
    """One image to draw and write: sent to another process, so small. `pixels` a side."""

    path: Path
    case: Case
    pixels: int


def write_image(path: Path, grey: np.ndarray, header: PatientHeader) -> None:
    """Write a drawn X-ray in the format of its suffix, making the folder; the same arguments give the same bytes.

    Args:
        path: .dcm (8-bit JPEG inside, as in Kaggle's files), .jpg, .jpeg or .png.
        grey: uint8 (rows, columns); a PNG may be uint16.
        header: goes into a DICOM file; the other formats have none.

    Raises:
        ValueError: the suffix is another one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    match path.suffix:
        case ".dcm":
            write_radiograph(path, grey, header)
        case ".jpg" | ".jpeg":
            path.write_bytes(imagecodecs.jpeg8_encode(grey, level=_JPEG_QUALITY))
        case ".png":
            path.write_bytes(imagecodecs.png_encode(grey))
        case other:
            raise ValueError(f"no writer for images with the suffix {other!r}")


def cut_short(path: Path) -> None:
    """Leave the first half of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
