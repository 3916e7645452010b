"""Which components of air are lungs: on the coarse grid, upright."""

from dataclasses import dataclass

import cc3d
import numpy as np

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.enclosed_gas import components, find_enclosed_gas
from pulmo.imaging.left_right import left_and_right
from pulmo.imaging.morphology import SQUARE, dilation, disk, enclosed_by, erosion, opening
from pulmo.imaging.spine import spine_position

_GAS_BELOW_HU = -955
"""A component whose median is lower holds gas, not lung: even emphysema keeps vessels and walls."""
_ENCLOSED_SHARE = 0.5
_SMALLEST_LITRES, _SMALLEST_SHARE = 0.03, 0.05


@dataclass(frozen=True)
class SegmentationParameters:
    """How lungs are told from the rest: air lies below `threshold_hu`; tissue is closed by `closing_mm` first.

    With `enclosed_only` air that does not lie between tissue is no lung; a little of one cut by the field of view goes
    with it.
    """

    threshold_hu: float
    closing_mm: float = 0.0
    enclosed_only: bool = False


def find_lungs(grid: CoarseGrid, parameters: SegmentationParameters) -> tuple[np.ndarray, np.ndarray]:
    """Lungs uint8 (0, LEFT, RIGHT) and all other air, bool; both on the grid, upright.

    A lung is a component of air, without gas that has a wall of its own, that lies between thick tissue and meets the
    border nowhere or with lung (where the field of view cuts it). So air outside, the foam of a table, airways and gut
    are left out.
    """
    air = grid.measured & (grid.hu < parameters.threshold_hu)
    tissue = grid.measured & ~air
    # A table's shell is too thin to enclose what lies on it. A lung that the field of view cuts in front still lies
    # between ribs and heart.
    enclosed = enclosed_by(opening(tissue, SQUARE))
    gas = find_enclosed_gas(grid, air, enclosed)
    lungs = (air & enclosed if parameters.enclosed_only else air) & ~dilation(gas, SQUARE)
    if parameters.closing_mm:
        lungs = opening(lungs, disk(parameters.closing_mm, grid.spacing_mm[1:]))
    lungs = _large(grid, _lungs_among(grid, lungs, enclosed))
    sides = np.zeros(lungs.shape, np.uint8)
    if lungs.any():
        spine = spine_position(grid, lungs)
        midline = spine[1] if spine else float(np.flatnonzero(tissue.any((0, 1))).mean())
        box = cc3d.statistics(lungs.view(np.uint8))["bounding_boxes"][1]
        sides[box] = left_and_right(grid.within(box), lungs[box], midline - box[2].start)
    return sides, air & (sides == 0)


def _lungs_among(grid: CoarseGrid, candidates: np.ndarray, enclosed: np.ndarray) -> np.ndarray:
    border = grid.measured & ~erosion(grid.measured, SQUARE)
    lungs = np.zeros(candidates.shape, bool)
    for box, part in components(candidates, grid, _SMALLEST_LITRES):
        at_border = part & border[box]
        if (
            enclosed[box][part].mean() > _ENCLOSED_SHARE
            and np.median(grid.hu[box][part]) > _GAS_BELOW_HU
            and not (at_border.any() and np.median(grid.hu[box][at_border]) < _GAS_BELOW_HU)
        ):
            lungs[box] |= part
    return lungs


def _large(grid: CoarseGrid, lungs: np.ndarray) -> np.ndarray:
    """Without components small beside the largest."""
    parts = list(components(lungs, grid, _SMALLEST_LITRES))
    smallest = _SMALLEST_SHARE * max((part.sum() for _, part in parts), default=0)
    kept = np.zeros(lungs.shape, bool)
    for box, part in parts:
        if part.sum() >= smallest:
            kept[box] |= part
    return kept
