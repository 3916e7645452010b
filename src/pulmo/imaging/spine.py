"""Finds the spine, for the body's midline and a check of the header's orientation."""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from pulmo.imaging.downsample import CoarseGrid, sample
from pulmo.imaging.morphology import SQUARE, between, opening
from pulmo.imaging.volume import Volume

_BONE_HU = 160
_WIDTH_MM = 40.0
_MIN_BONE = 0.15
_CLEARLY_MORE = 1.5
_PARTS = 6
_MIN_AREA = 0.15
"""Slices with less lung than this fraction of the maximum are left out: shoulders and abdomen."""
_SAMPLED_MM = 6.0
_AIR_HU = -400


class _Bone(NamedTuple):
    """`share` (rows, columns): local fraction of bone, the minimum over parts of the height; its offset in the grid."""

    share: np.ndarray
    first_row: int
    first_column: int


def spine_position(grid: CoarseGrid, lungs: np.ndarray) -> tuple[float, float] | None:
    """(y, x) of the spine in voxels of the upright grid, None where no bone was found; `lungs` bool, on the grid.

    The spine is the bone that extends over the whole height of the lungs. A heart with contrast medium is as dense, but
    ends in their middle; the sternum is smaller.
    """
    bone = _continuous_bone(grid, lungs)
    if bone is None or bone.share.max() < _MIN_BONE:
        return None
    row, column = np.unravel_index(np.argmax(bone.share), bone.share.shape)
    return float(bone.first_row + row), float(bone.first_column + column)


def _continuous_bone(grid: CoarseGrid, lungs: np.ndarray) -> _Bone | None:
    if not lungs.any():
        return None
    areas = np.count_nonzero(lungs, axis=(1, 2))
    z = np.flatnonzero(areas >= _MIN_AREA * areas.max())
    if len(z) < _PARTS:
        return None
    y, x = (np.flatnonzero(lungs[z].any(axis)) for axis in ((0, 2), (0, 1)))
    window = (max(1, int(_WIDTH_MM / grid.spacing_mm[2])), max(1, int(_WIDTH_MM / grid.spacing_mm[1])))
    left = max(0, x[0] - window[0])
    bone = grid.hu[z[0] : z[-1] + 1, y[0] : y[-1] + 1, left : x[-1] + 1 + window[0]] > _BONE_HU
    shares = [
        cv2.blur(part.mean(axis=0, dtype=np.float32), window, borderType=cv2.BORDER_CONSTANT)
        for part in np.array_split(bone, _PARTS)
    ]
    return _Bone(np.min(shares, axis=0), int(y[0]), int(left))


def oriented_by_anatomy(volume: Volume) -> Volume:
    """The volume, rotated by 180° about the body's long axis if its header places the spine in front of the lungs.

    In some files ImageOrientationPatient contradicts the anatomy, which would swap left and right. Prone patients are
    not affected, as a correct header places their spine behind the lungs.
    """
    grid = sample(volume, _SAMPLED_MM)
    tissue = grid.measured & (grid.hu > _AIR_HU)
    thick = opening(tissue, SQUARE)
    air = grid.measured & ~tissue & (between(thick, 1) | between(thick, 2))
    bone = _continuous_bone(grid, air)
    if bone is None:
        return volume
    middle = int(np.nonzero(air)[1].mean() - bone.first_row)
    before, behind = bone.share[:middle], bone.share[middle:]
    if not before.size or not behind.size or before.max() < max(_MIN_BONE, _CLEARLY_MORE * behind.max()):
        return volume
    repair = "rotated by 180°: by its header the spine was in front of the lungs, and left and right were swapped"
    x, y, z = volume.origin_mm
    directions = volume.directions * [-1, -1, 1]
    return replace(volume, directions=directions, origin_mm=(-x, -y, z), repairs=(*volume.repairs, repair))
