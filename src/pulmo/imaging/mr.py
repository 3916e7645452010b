"""MR series, whose intensities have no unit: reading, and normalization per scan."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pulmo.errors import Fault, ScanError
from pulmo.imaging.area_resample import Size, area_mean, edges_between
from pulmo.imaging.network_volume import upright
from pulmo.imaging.pixels import read_pixels
from pulmo.imaging.placing import slice_normal
from pulmo.imaging.series import find_slices, longest, stacks
from pulmo.storage import folder_in_memory

BODY = 500
"""The body's median after normalization: the scale of a scan is the receiver's gain, not a property of tissue."""
BRIGHTEST = 2000


@dataclass(frozen=True)
class MrVolume:
    """`intensity` float32 (slices, rows, columns), as rescaled by the header; `positions_mm` and `directions` as in
    `Volume`; `repairs` in words, `source` names the folder."""

    intensity: np.ndarray
    positions_mm: np.ndarray
    directions: np.ndarray
    repairs: tuple[str, ...]
    source: str


def read_mr(folder: Path) -> MrVolume:
    """The longest MR series in `folder`.

    Raises ScanError for: no DICOM, not MR, several patients, truncated or undecodable pixels, all pixels zero.
    """
    with folder_in_memory(folder):
        headers, exclusions = find_slices(folder, "MR")
        stack = longest(stacks(headers))
        planes = [
            read_pixels(header).astype(np.float32) * np.float32(header.slope) + np.float32(header.intercept)
            for header in stack.slices
        ]
    row_direction, column_direction = (np.array(part) for part in np.split(np.array(stack.slices[0].orientation), 2))
    intensity = np.stack(planes)
    if not intensity.any():
        raise ScanError(Fault(str(folder), "its pixels are all 0", "Export the series again"))
    return MrVolume(
        intensity=intensity,
        positions_mm=stack.positions_mm,
        directions=np.stack([slice_normal(stack.slices[0].orientation), column_direction, row_direction]),
        repairs=(*exclusions, *stack.repairs),
        source=str(folder),
    )


def mr_volume(volume: MrVolume, size: Size) -> np.ndarray:
    """The whole scan as network input, resampled by area: int16 (slices, rows, columns, 1), from 0 to BRIGHTEST, the
    body's median at BODY."""
    small = area_mean(volume.intensity, edges_between(volume.positions_mm), size)
    scaled = np.clip(small * (BODY / body_median(small)), 0, BRIGHTEST)
    return upright(np.rint(scaled).astype(np.int16)[..., None], volume.directions)


def body_median(intensity: np.ndarray) -> float:
    """The median above Otsu's threshold between body and background; `intensity` of any shape, not all 0."""
    grey = np.clip(intensity * (255 / float(np.quantile(intensity, 0.99) or intensity.max())), 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(grey.ravel(), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return float(np.median(intensity[grey > threshold]))
