"""Which components of air are lungs: on the coarse grid, upright."""

from collections.abc import Iterator
from dataclasses import dataclass

import cc3d
import numpy as np

from pulmo.imaging.airways import find_airways
from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.left_right import left_and_right
from pulmo.imaging.morphology import SQUARE, dilation, disk, erosion, opening

_GAS_BELOW_HU = -955
"""A pocket whose median is lower holds gas, not lung: even emphysema keeps vessels and walls."""
_ENCLOSED_SHARE = 0.5
_SMALLEST_LITRES, _SMALLEST_SHARE = 0.03, 0.05


@dataclass(frozen=True)
class SegmentationParameters:
    """One way to tell lungs from the rest: air lies below `threshold_hu`; tissue is closed by `closing_mm` first.

    With `gas_apart`, gas ends a pocket as tissue does.
    """

    threshold_hu: float
    closing_mm: float = 0.0
    gas_apart: bool = False


def find_lungs(grid: CoarseGrid, parameters: SegmentationParameters) -> tuple[np.ndarray, np.ndarray]:
    """Lungs uint8 (0, LEFT, RIGHT) and all other air, bool; both on the grid, upright.

    A lung is a pocket that holds more than gas, has thick tissue before and behind it, and meets the border nowhere
    or with lung (where the field of view cuts it). So air outside, bowel gas and the foam of a table are left out.
    """
    air = grid.measured & (grid.hu < parameters.threshold_hu)
    tissue = grid.measured & ~air
    components = air & (grid.hu > _GAS_BELOW_HU) if parameters.gas_apart else air
    if parameters.closing_mm:
        components = opening(components, disk(parameters.closing_mm, grid.spacing_mm[1:]))
    lungs = _lung_components(grid, components, tissue)
    sides = np.zeros(lungs.shape, np.uint8)
    if lungs.any():
        across = np.flatnonzero(tissue.any((0, 1)))
        box = cc3d.statistics(lungs.view(np.uint8))["bounding_boxes"][1]
        sides[box] = _told_apart(grid.within(box), lungs[box], float(across.mean()) - box[2].start)
    return sides, air & (sides == 0)


def _told_apart(grid: CoarseGrid, lungs: np.ndarray, midline: float) -> np.ndarray:
    """Lungs with airways → LEFT and RIGHT without."""
    lungs = lungs & ~dilation(find_airways(grid, lungs), SQUARE)
    return left_and_right(grid, _large_parts(grid, lungs), midline)


def _lung_components(grid: CoarseGrid, components: np.ndarray, tissue: np.ndarray) -> np.ndarray:
    enclosed = _between_tissue(tissue)
    border = grid.measured & ~erosion(grid.measured, SQUARE)
    lungs = np.zeros(components.shape, bool)
    for box, part in _parts(grid, components):
        at_border = part & border[box]
        if (
            enclosed[box][part].mean() > _ENCLOSED_SHARE
            and np.median(grid.hu[box][part]) > _GAS_BELOW_HU
            and not (at_border.any() and np.median(grid.hu[box][at_border]) < _GAS_BELOW_HU)
        ):
            lungs[box] |= part
    return lungs


def _large_parts(grid: CoarseGrid, lungs: np.ndarray) -> np.ndarray:
    """Without the crumbs that the airways leave behind, and components small beside the largest."""
    parts = list(_parts(grid, lungs))
    smallest = _SMALLEST_SHARE * max((part.sum() for _, part in parts), default=0)
    kept = np.zeros(lungs.shape, bool)
    for box, part in parts:
        if part.sum() >= smallest:
            kept[box] |= part
    return kept


def _parts(grid: CoarseGrid, mask: np.ndarray) -> Iterator[tuple[tuple[slice, slice, slice], np.ndarray]]:
    """(bounding box, mask within it) of each connected part that is not tiny."""
    labels, _ = cc3d.connected_components(mask, connectivity=6, return_N=True)
    found = cc3d.statistics(labels)
    for label in np.flatnonzero(found["voxel_counts"] * grid.voxel_litres > _SMALLEST_LITRES):
        if label:
            box = found["bounding_boxes"][label]
            yield box, labels[box] == label


def _between_tissue(tissue: np.ndarray) -> np.ndarray:
    """Where thick tissue lies both in front and behind: in a lung, but not in a table, whose shell opening removes."""
    thick = opening(tissue, SQUARE)
    before = np.maximum.accumulate(thick, axis=1)
    behind = np.maximum.accumulate(thick[:, ::-1], axis=1)[:, ::-1]
    both: np.ndarray = before & behind
    return both
