"""The spine: where the body's midline is, and whether the header has front and back right."""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from pulmo.imaging.downsample import CoarseGrid, sample
from pulmo.imaging.morphology import SQUARE, between, opening
from pulmo.imaging.volume import Volume

_BONE_HU = 160
_WIDTH_MM = 40.0
_LEAST_BONE = 0.15
_SURELY = 1.5
_PARTS = 6
_LEAST_AREA = 0.15
"""Slices that show less lung than this share of the fullest are left out: the shoulders' and the belly's."""
_SAMPLED_MM = 6.0
_AIR_HU = -400


class _Bone(NamedTuple):
    """`share` (rows, columns) of bone around each place, in the part of the height that has least; where it begins."""

    share: np.ndarray
    first_row: int
    first_column: int


def spine_position(grid: CoarseGrid, lungs: np.ndarray) -> tuple[float, float] | None:
    """(y, x) of the spine in voxels of the upright grid, None where no bone is seen; `lungs` bool, on the grid.

    The spine is the bone that goes on through the whole height of the lungs. A heart full of contrast medium is as
    dense, but ends in their middle; the breastbone is smaller.
    """
    bone = _lasting_bone(grid, lungs)
    if bone is None or bone.share.max() < _LEAST_BONE:
        return None
    row, column = np.unravel_index(np.argmax(bone.share), bone.share.shape)
    return float(bone.first_row + row), float(bone.first_column + column)


def _lasting_bone(grid: CoarseGrid, lungs: np.ndarray) -> _Bone | None:
    if not lungs.any():
        return None
    areas = np.count_nonzero(lungs, axis=(1, 2))
    z = np.flatnonzero(areas >= _LEAST_AREA * areas.max())
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
    """The volume, turned by 180° about the long axis of the body if by its header the spine lies before the lungs.

    Files exist whose ImageOrientationPatient contradicts what they show: left and right would be exchanged. A patient
    who lies on the stomach is no such case, because a true header has the spine behind.
    """
    grid = sample(volume, _SAMPLED_MM)
    tissue = grid.measured & (grid.hu > _AIR_HU)
    thick = opening(tissue, SQUARE)
    air = grid.measured & ~tissue & (between(thick, 1) | between(thick, 2))
    bone = _lasting_bone(grid, air)
    if bone is None:
        return volume
    middle = int(np.nonzero(air)[1].mean() - bone.first_row)
    before, behind = bone.share[:middle], bone.share[middle:]
    if not before.size or not behind.size or before.max() < max(_LEAST_BONE, _SURELY * behind.max()):
        return volume
    repair = "turned by 180° against its header: the spine lay before the lungs, left and right were exchanged"
    return replace(volume, directions=volume.directions * [-1, -1, 1], repairs=(*volume.repairs, repair))
