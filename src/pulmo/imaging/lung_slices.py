"""Pictures of a scan for two-dimensional networks: axial slices of the lungs alone, in one scale for all patients."""

from typing import NamedTuple

import cv2
import numpy as np

from pulmo.imaging.hounsfield import LOWEST_HU
from pulmo.imaging.left_right import labelled_window
from pulmo.imaging.volume import Volume


class SliceFormat(NamedTuple):
    """`slices` of a scan, squares of `pixels` a side that show `field_mm`, about the lungs' centre."""

    slices: int
    pixels: int
    field_mm: float


def lung_slices(volume: Volume, labels: np.ndarray, wanted: SliceFormat) -> np.ndarray:
    """Slices that stand for equal shares of the lungs' volume, so that their mean is about the lungs' mean.

    What is not lung becomes −1024, air: a few hundred patients are too few to learn that it does not matter. Shrunk
    pixels are means over the native ones.

    Args:
        volume: the scan.
        labels: its lungs, as `LungMask.labels`; some voxel is labelled.
        wanted: how many, and how large.

    Returns:
        int16 HU (slices, pixels, pixels) in the order of the lungs, rows to the patient's back, columns to the left. A
        scan of fewer slices shows some twice.
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
    """The box around the lungs with pixels of the wanted size, to within rounding of its sides."""
    scale = wanted.pixels / wanted.field_mm
    rows, columns = (max(1, round(side * mm * scale)) for side, mm in zip(box.shape, spacing_mm, strict=True))
    shrinks = rows < box.shape[0]
    small: np.ndarray = cv2.resize(box, (columns, rows), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return small


def _centred(picture: np.ndarray, pixels: int) -> np.ndarray:
    """The picture in the middle of a square, cut where it is larger."""
    framed = np.full((pixels, pixels), LOWEST_HU, np.int16)
    source, target = [], []
    for length in picture.shape:
        kept = min(length, pixels)
        source.append(slice((length - kept) // 2, (length - kept) // 2 + kept))
        target.append(slice((pixels - kept) // 2, (pixels - kept) // 2 + kept))
    framed[tuple(target)] = picture[tuple(source)]
    return framed


def _upright(picture: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Turned so that a patient on the stomach looks as on the back: y runs to the back, x to the left."""
    flips = tuple(slice(None, None, -1 if directions[axis, way] < 0 else 1) for axis, way in ((1, 1), (2, 0)))
    return np.ascontiguousarray(picture[flips])
