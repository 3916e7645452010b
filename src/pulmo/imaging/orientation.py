"""Corrects an orientation in the header that contradicts the anatomy: spine in front of the lungs, apex at the feet.

Both are seen on a coarse sample of the scan. Left and right cannot be checked: on seven real chests the heart's middle
is between 13 mm to the right of the spine and 16 mm to the left of it, and either lung may be the larger.
"""

from dataclasses import replace

import numpy as np

from pulmo.imaging.downsample import downsample, sample
from pulmo.imaging.lung_components import find_chest_air
from pulmo.imaging.morphology import SQUARE, between, opening
from pulmo.imaging.spine import spine_in_front
from pulmo.imaging.volume import Volume

_SAMPLED_MM = 6.0
_AIR_HU = -400
_MIN_AREA = 0.15
"""Slices with less air than this fraction of the maximum do not count as lung."""
_CLEARLY_MORE = 1.5
"""Heart and diaphragm: real chests have 1.8 to 3.8 times as much tissue between their lungs in the lower third as in
the upper one."""
_AIRWAY_ABOVE, _AIRWAY_BELOW = 0.8, 0.5
"""Fractions of the slices that show gas in the middle of the body. Real chests have 1.0 in the upper third, the
trachea, and at most 0.38 in the lower one, oesophagus and stomach."""
_MIDDLE_MM = 30.0


def oriented_by_anatomy(volume: Volume) -> Volume:
    """The volume as its anatomy shows it, with the repair; unchanged if the header agrees.

    A spine in front of the lungs means a rotation by 180° about the body's long axis, and if the apex is also at the
    feet, about the axis from side to side. An apex at the feet alone may be a rotation or positions with the wrong
    sign: the slices are reversed, and left and right stay as in the header. Only whole chests in axial slices are
    reversed; a part without the trachea does not show where its apex is.
    """
    grid = sample(volume, _SAMPLED_MM)
    tissue = grid.measured & (grid.hu > _AIR_HU)
    thick = opening(tissue, SQUARE)
    air = grid.measured & ~tissue & (between(thick, 1) | between(thick, 2))
    in_front = spine_in_front(grid, air)
    upside_down = grid.axes[0] == 0 and _more_tissue_above(air, tissue) and _airway_below(volume)
    if in_front and upside_down:
        repair = "rotated by 180°: by its header the spine was in front of the lungs, and their apex at the feet"
        return _reversed(volume, np.array([1, -1, -1]), repair)
    if in_front:
        repair = "rotated by 180°: by its header the spine was in front of the lungs, and left and right were swapped"
        x, y, z = volume.origin_mm
        directions = volume.directions * [-1, -1, 1]
        return replace(volume, directions=directions, origin_mm=(-x, -y, z), repairs=(*volume.repairs, repair))
    if upside_down:
        repair = (
            "slices reversed: by their positions the lungs' apex was at the feet; left and right may be swapped, too"
        )
        return _reversed(volume, np.array([1, 1, -1]), repair)
    return volume


def _reversed(volume: Volume, signs: np.ndarray, repair: str) -> Volume:
    """The patient's coordinates times `signs` (3,), and the slices in the reverse order, so that they ascend again."""
    height_mm = volume.positions_mm[-1] - volume.positions_mm[0]
    last = np.array([height_mm, *volume.shear_mm[-1]]) @ volume.directions + volume.origin_mm
    x, y, z = (last * signs).tolist()
    return replace(
        volume,
        hu=volume.hu[::-1],
        positions_mm=-volume.positions_mm[::-1],
        directions=volume.directions * signs * [[-1], [1], [1]],
        origin_mm=(x, y, z),
        shear_mm=volume.shear_mm[::-1] - volume.shear_mm[-1],
        repairs=(*volume.repairs, repair),
    )


def _thirds(air: np.ndarray) -> tuple[slice, slice]:
    """The lower and the upper third of the planes that show lung."""
    areas = np.count_nonzero(air, axis=(1, 2))
    lung = np.flatnonzero(areas >= max(1, _MIN_AREA * areas.max()))
    if not len(lung):
        return slice(0), slice(0)
    first, end = int(lung[0]), int(lung[-1]) + 1
    third = max(1, (end - first) // 3)
    return slice(first, first + third), slice(end - third, end)


def _more_tissue_above(air: np.ndarray, tissue: np.ndarray) -> bool:
    """Whether the upper third has clearly more tissue from side to side between air, relative to the air."""
    lower, upper = (
        np.count_nonzero(between(air[third], 2) & tissue[third]) / max(1, np.count_nonzero(air[third]))
        for third in _thirds(air)
    )
    return upper > _CLEARLY_MORE * lower


def _airway_below(volume: Volume) -> bool:
    """Whether the lower third shows the trachea, and the upper one does not."""
    chest = find_chest_air(downsample(volume))
    grid = chest.grid
    middle = chest.spine[1] if chest.spine else grid.hu.shape[2] / 2
    central = np.abs(np.arange(grid.hu.shape[2]) - middle) * grid.spacing_mm[2] < _MIDDLE_MM
    shows = (chest.gas & central).any(axis=(1, 2))
    lower, upper = (
        float(shows[third].mean()) for third in _thirds(chest.enclosed & grid.measured & (grid.hu < _AIR_HU))
    )
    return lower >= _AIRWAY_ABOVE and upper <= _AIRWAY_BELOW
