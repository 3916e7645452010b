"""Input of three-dimensional networks: a whole CT scan masked and cropped to the lungs, resampled, in channels."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

import cc3d
import cv2
import numpy as np

from pulmo.imaging.area_resample import Size, area_max, area_mean, edges_between
from pulmo.imaging.hounsfield import LOWEST_HU
from pulmo.imaging.left_right import labelled_window
from pulmo.imaging.morphology import disk
from pulmo.imaging.refine_mask import dilate_mm
from pulmo.imaging.volume import Volume, median_step

Channel = Literal["mean", "nodule_enhanced"]
"""How a voxel of the small volume summarizes the native voxels that it covers: by their mean, or nodule-enhanced.

*nodule_enhanced* is the maximum after a grey opening of each slice by a disc: structures that the disc does not fit
into, such as vessels and the wall of a dilated lung mask, get the value of the lung around them; nodules keep theirs.
Values up to NODULE_ENHANCED_HU are then set to air, and so are dense components larger than any nodule, such as the
hilum with its vessels. Nodules and similar structures remain, on a uniform background.
Source: openings and size rules for nodules, Messay et al., Med Image Anal 2010; 14: 390.
"""

NODULE_ENHANCED_HU = -400
"""Denser pixels of an opened slice are candidates for a nodule."""
LARGEST_MM = 40.0
"""Largest extent of a candidate along each axis: nodules are at most 30 mm, and slices up to 7 mm apart."""
_OPENING_PIXEL_MM = 1.5
"""Slices are opened at about this pixel size, or at their own where that is larger."""


class LungFormat(NamedTuple):
    """Size, channels, masking and cropping of the network input.

    Attributes:
        size: of the volume: slices, rows, columns.
        channels: how voxels are summarized, one channel each.
        masked: whether everything outside the lungs is set to air.
        cropped: whether the volume covers the lungs' bounding box alone.
        margin_mm: dilation of the lung mask, so that it includes nodules on the pleura.
        vessel_mm: radius of the opening's disc, larger than that of vessels.
        slice_share: fraction of the slices that is kept, those with the largest area of nodule candidates.
    """

    size: Size
    channels: tuple[Channel, ...]
    masked: bool
    cropped: bool
    margin_mm: float
    vessel_mm: float
    slice_share: float

    @property
    def needs_lungs(self) -> bool:
        """Whether the lungs have to be segmented first."""
        return self.masked or self.cropped


def network_volume(volume: Volume, labels: np.ndarray | None, wanted: LungFormat) -> np.ndarray:
    """The scan as network input.

    Args:
        volume: a chest CT.
        labels: its lungs, as `LungMask.labels`, not all 0; may be None unless `wanted.needs_lungs`.
        wanted: the format.

    Returns:
        int16 HU (slices, rows, columns, channels), feet to head, rows to the patient's back, columns to the left, and
        −1024 for padding.
    """
    mask: np.ndarray | None = None
    if labels is not None and wanted.needs_lungs:
        mask = labels > 0
        if wanted.cropped:
            volume, mask = _cropped(volume, mask, wanted.margin_mm)
        if wanted.masked and wanted.margin_mm:
            mask = dilate_mm(mask, volume, wanted.margin_mm)
    if not wanted.masked:
        mask = None
    needed = "nodule_enhanced" in wanted.channels or wanted.slice_share < 1
    enhanced = enhance_nodules(volume, mask, wanted.vessel_mm) if needed else np.empty((len(volume.hu), 0, 0), np.int16)
    chosen = _nodule_slices(enhanced, wanted.slice_share)
    # Gaps left by dropped slices are closed, not interpolated over.
    extents = np.diff(edges_between(volume.positions_mm))[chosen]
    edges = np.concatenate([[0.0], np.cumsum(extents)])
    channels = []
    for channel in wanted.channels:
        if channel == "mean":
            resampled = np.rint(area_mean(_planes(volume, mask, chosen), edges, wanted.size)).astype(np.int16)
        else:
            resampled = area_max(enhanced[chosen], edges, wanted.size)
        channels.append(resampled)
    return upright(np.stack(channels, axis=-1), volume.directions)


def upright(array: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(slices, rows, columns, …) flipped so that prone patients appear supine.

    `directions` (3, 3) are those of a `Volume`.
    """
    flips = tuple(slice(None, None, -1 if directions[axis, world] < 0 else 1) for axis, world in ((1, 1), (2, 0)))
    return np.ascontiguousarray(array[(slice(None), *flips)])


def _cropped(volume: Volume, mask: np.ndarray, margin_mm: float) -> tuple[Volume, np.ndarray]:
    """The bounding box of the lungs, with the margin in the planes."""
    inside = np.flatnonzero(mask.any(axis=(1, 2)))
    slices = slice(inside[0], inside[-1] + 1)
    window = zip(labelled_window(mask), volume.pixel_spacing_mm, mask.shape[1:], strict=True)
    rows, columns = (_wider(part, round(margin_mm / mm), count) for part, mm, count in window)
    part = replace(
        volume,
        hu=volume.hu[slices, rows, columns],
        positions_mm=volume.positions_mm[slices],
        shear_mm=volume.shear_mm[slices],
    )
    return part, mask[slices, rows, columns]


def _wider(part: slice, by: int, count: int) -> slice:
    return slice(max(0, part.start - by), min(count, part.stop + by))


def _planes(volume: Volume, mask: np.ndarray | None, chosen: np.ndarray) -> Iterator[np.ndarray]:
    """Slices in HU, air outside the mask."""
    air = np.int16(LOWEST_HU)
    for index in chosen:
        plane = np.maximum(volume.hu[index], air)
        yield plane if mask is None else np.where(mask[index], plane, air)


def enhance_nodules(volume: Volume, mask: np.ndarray | None, vessel_mm: float) -> np.ndarray:
    """Grey opening that removes vessels, then dense components larger than a nodule set to air.

    Args:
        volume: a chest CT.
        mask: its lungs, bool (slices, rows, columns); None for everything.
        vessel_mm: radius of the opening's disc.

    Returns:
        int16 HU (slices, rows, columns) at pixels of at least about 1.5 mm.
    """
    shape, spacing = volume.hu.shape[1:], volume.pixel_spacing_mm
    rows, columns = (max(1, round(n * mm / max(mm, _OPENING_PIXEL_MM))) for n, mm in zip(shape, spacing, strict=True))
    pixel = spacing[0] * shape[0] / rows, spacing[1] * shape[1] / columns
    kernel = disk(vessel_mm, pixel)
    opened = np.empty((len(volume.hu), rows, columns), np.int16)
    for index, plane in enumerate(_planes(volume, mask, np.arange(len(volume.hu)))):
        small = cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_AREA)
        cv2.morphologyEx(small, cv2.MORPH_OPEN, kernel, dst=opened[index])
    parts = cc3d.connected_components(opened > NODULE_ENHANCED_HU, connectivity=6)
    boxes = cc3d.statistics(parts)["bounding_boxes"]
    steps = (median_step(volume.positions_mm), *pixel)
    sides = np.array([[(side.stop - side.start) * mm for side, mm in zip(box, steps, strict=True)] for box in boxes])
    too_large = (sides > LARGEST_MM).any(axis=1)
    too_large[0] = True  # label 0 is the background, which is not dense
    opened[too_large[parts]] = LOWEST_HU
    return opened


def _nodule_slices(enhanced: np.ndarray, share: float) -> np.ndarray:
    """Indices of the slices with the largest area of nodule candidates, ascending."""
    areas = np.count_nonzero(enhanced > NODULE_ENHANCED_HU, axis=(1, 2))
    kept = max(1, round(share * len(areas)))
    return np.sort(np.argsort(-areas, kind="stable")[:kept])
