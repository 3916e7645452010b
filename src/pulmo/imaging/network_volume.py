"""A whole CT scan for a three-dimensional network: lungs cut out, shrunk by areas, in one or several channels."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

import cc3d
import cv2
import numpy as np

from pulmo.imaging.area_resample import Size, area_mean, area_most, edges_between
from pulmo.imaging.hounsfield import LOWEST_HU
from pulmo.imaging.left_right import labelled_window
from pulmo.imaging.morphology import disk
from pulmo.imaging.refine_mask import dilate_mm
from pulmo.imaging.volume import Volume, usual_step

Channel = Literal["mean", "compact"]
"""What a voxel of the small volume tells of the many that it covers: their mean; or the densest that is no vessel.

*compact* is the greatest value after a grey opening of each slice by a disc: what the disc does not fit into, as
vessels and the wall of a lung grown by a little, takes the value of the lung around it, and a nodule keeps its own.
All that is not denser than NODULE_ENHANCED_HU then becomes air, and so do dense parts larger than any nodule, such as
the hilum with its vessels: what is left are nodules and what looks like one, on an even ground.
Source: openings and sizes as rules for nodules, Messay et al., Med Image Anal 2010; 14: 390.
"""

NODULE_ENHANCED_HU = -400
"""Where an opened slice is denser, something compact lies there."""
LARGEST_MM = 40.0
"""Of a compact part, along each axis: nodules end at 30 mm, by definition, and slices may be 7 mm apart."""
_COMPACT_PIXEL_MM = 1.5
"""Openings are taken on pixels of about this size."""


class LungFormat(NamedTuple):
    """What is kept of a scan, and how it is shrunk.

    Attributes:
        size: of the volume: slices, rows, columns.
        channels: what each voxel tells.
        masked: what is not lung becomes air.
        cropped: the volume covers the lungs' box alone.
        margin_mm: the lungs are grown by so much before, so that what sticks to their wall is theirs.
        vessel_mm: the radius of the disc that vessels must not hold.
        slice_share: only this share of the slices is kept, those with most compact tissue.
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
        """Whether they have to be found first."""
        return self.masked or self.cropped


def network_volume(volume: Volume, labels: np.ndarray | None, wanted: LungFormat) -> np.ndarray:
    """The scan as the network sees it.

    Args:
        volume: a chest CT.
        labels: its lungs, as `LungMask.labels`, some voxel labelled; None where the format `needs_lungs` not.
        wanted: how it is to be.

    Returns:
        int16 HU (slices, rows, columns, channels), feet to head, rows to the patient's back, columns to the left, and
        −1024 where nothing was measured.
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
    sought = "compact" in wanted.channels or wanted.slice_share < 1
    compact = white_top_hat(volume, mask, wanted.vessel_mm) if sought else np.empty((len(volume.hu), 0, 0), np.int16)
    chosen = _likely(compact, wanted.slice_share)
    # What is left out between chosen slices is closed up, not bridged.
    extents = np.diff(edges_between(volume.positions_mm))[chosen]
    edges = np.concatenate([[0.0], np.cumsum(extents)])
    channels = []
    for channel in wanted.channels:
        if channel == "mean":
            made = np.rint(area_mean(_planes(volume, mask, chosen), edges, wanted.size)).astype(np.int16)
        else:
            made = area_most(compact[chosen], edges, wanted.size)
        channels.append(made)
    return upright(np.stack(channels, axis=-1), volume.directions)


def upright(array: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(slices, rows, columns, …) turned so that a patient on the stomach looks as on the back.

    `directions` (3, 3) are those of a `Volume`.
    """
    flips = tuple(slice(None, None, -1 if directions[axis, way] < 0 else 1) for axis, way in ((1, 1), (2, 0)))
    return np.ascontiguousarray(array[(slice(None), *flips)])


def _cropped(volume: Volume, mask: np.ndarray, margin_mm: float) -> tuple[Volume, np.ndarray]:
    """The box around the lungs, in the planes wider by the margin."""
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
    """Slices in HU, air where there is no lung."""
    air = np.int16(LOWEST_HU)
    for index in chosen:
        plane = np.maximum(volume.hu[index], air)
        yield plane if mask is None else np.where(mask[index], plane, air)


def white_top_hat(volume: Volume, mask: np.ndarray | None, vessel_mm: float) -> np.ndarray:
    """The same without vessels and without what is larger than a nodule, on larger pixels where they are small."""
    shape, spacing = volume.hu.shape[1:], volume.pixel_spacing_mm
    rows, columns = (max(1, round(n * mm / max(mm, _COMPACT_PIXEL_MM))) for n, mm in zip(shape, spacing, strict=True))
    pixel = spacing[0] * shape[0] / rows, spacing[1] * shape[1] / columns
    kernel = disk(vessel_mm, pixel)
    opened = np.empty((len(volume.hu), rows, columns), np.int16)
    for index, plane in enumerate(_planes(volume, mask, np.arange(len(volume.hu)))):
        small = cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_AREA)
        cv2.morphologyEx(small, cv2.MORPH_OPEN, kernel, dst=opened[index])
    parts = cc3d.connected_components(opened > NODULE_ENHANCED_HU, connectivity=6)
    boxes = cc3d.statistics(parts)["bounding_boxes"]
    steps = (usual_step(volume.positions_mm), *pixel)
    sides = np.array([[(side.stop - side.start) * mm for side, mm in zip(box, steps, strict=True)] for box in boxes])
    too_large = (sides > LARGEST_MM).any(axis=1)
    too_large[0] = True  # of no part: not dense
    opened[too_large[parts]] = LOWEST_HU
    return opened


def _likely(compact: np.ndarray, share: float) -> np.ndarray:
    """Slices most likely to hold a nodule, in their order: those with the largest area of compact tissue."""
    areas = np.count_nonzero(compact > NODULE_ENHANCED_HU, axis=(1, 2))
    kept = max(1, round(share * len(areas)))
    return np.sort(np.argsort(-areas, kind="stable")[:kept])
