"""Input of two-dimensional networks: axial slices of the masked lungs, at one pixel size for all patients."""

from typing import NamedTuple

import cv2
import numpy as np

from pulmo.imaging.hounsfield import LOWEST_HU
from pulmo.imaging.left_right import labelled_window
from pulmo.imaging.volume import Volume


class SliceFormat(NamedTuple):
    """`slices` of `pixels` × `pixels`, covering `field_mm` × `field_mm` around the lungs' centre."""

    slices: int
    pixels: int
    field_mm: float


def lung_slices(volume: Volume, labels: np.ndarray, wanted: SliceFormat) -> np.ndarray:
    """Slices that represent equal fractions of the lungs' volume, so that their mean is about the lungs' mean.

    Everything outside the lungs is set to −1024, air: a few hundred patients are too few to learn to ignore it.
    Downsampled pixels are means over the native ones.

    Args:
        volume: the scan.
        labels: its lungs, as `LungMask.labels`; some voxel is labelled.
        wanted: number and size of the slices.

    Returns:
        int16 HU (slices, pixels, pixels) in the scan's order, rows to the patient's back, columns to the left. A scan
        of fewer slices has some twice.
    """
    litres = np.count_nonzero(labels, axis=(1, 2)) * volume.voxel_litres
    middle_of_slice = (np.cumsum(litres) - litres / 2) / litres.sum()
    chosen = [int(np.argmin(np.abs(middle_of_slice - (part + 0.5) / wanted.slices))) for part in range(wanted.slices)]
    window = labelled_window(labels)
    framed = []
    for index in chosen:
        lungs = np.where(labels[index][window] > 0, volume.hu[index][window], np.int16(LOWEST_HU))
        small = _scaled(np.maximum(lungs, np.int16(LOWEST_HU)), volume.pixel_spacing_mm, wanted)
        framed.append(_upright(_centred(small, wanted.pixels), volume.directions))
    return np.stack(framed)


def _scaled(box: np.ndarray, spacing_mm: tuple[float, float], wanted: SliceFormat) -> np.ndarray:
    """The box around the lungs resized to the requested pixel size, to within rounding of its sides."""
    scale = wanted.pixels / wanted.field_mm
    rows, columns = (max(1, round(side * mm * scale)) for side, mm in zip(box.shape, spacing_mm, strict=True))
    shrinks = rows < box.shape[0]
    small: np.ndarray = cv2.resize(box, (columns, rows), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return small


def _centred(image: np.ndarray, pixels: int) -> np.ndarray:
    """The image centred in a square, cropped where it is larger."""
    framed = np.full((pixels, pixels), LOWEST_HU, np.int16)
    source, target = [], []
    for length in image.shape:
        overlap = min(length, pixels)
        source.append(slice((length - overlap) // 2, (length - overlap) // 2 + overlap))
        target.append(slice((pixels - overlap) // 2, (pixels - overlap) // 2 + overlap))
    framed[tuple(target)] = image[tuple(source)]
    return framed


def _upright(image: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Flipped so that prone patients appear supine: y runs to the back, x to the left."""
    flips = tuple(slice(None, None, -1 if directions[axis, world] < 0 else 1) for axis, world in ((1, 1), (2, 0)))
    return np.ascontiguousarray(image[flips])
