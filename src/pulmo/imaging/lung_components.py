"""Selects the components of air that are lungs, on the coarse grid, axes upright."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.enclosed_gas import Component, air_outside_hu, components, find_enclosed_gas
from pulmo.imaging.left_right import left_and_right
from pulmo.imaging.morphology import SQUARE, between, dilation, disk, erosion, opening
from pulmo.imaging.spine import spine_position

LUNG_BELOW_HU = -350
"""Midway between soft tissue (+50) and the mean of lungs with fibrosis (−750), so that blurred edges neither gain nor
lose volume. Healthy lungs (−850) gain 1 % on real scans; at −400 fibrotic phantoms of known volume lose 2.5 %."""
_GAS_BELOW_HU = -955
"""A component whose median is lower holds gas, not lung: even emphysema keeps vessels and walls."""
_ENCLOSED_SHARE = 0.5
_OPEN_SHARE = 0.1
"""Air behind the back, which a curved table encloses, borders on open air by 17 to 43 %; lungs by less than 1 %."""
_SMALLEST_LITRES, _SMALLEST_SHARE = 0.03, 0.05


@dataclass(frozen=True)
class SegmentationParameters:
    """Parameters of one segmentation attempt: air is below `threshold_hu`; tissue is first closed by `closing_mm`.

    With `enclosed_only` air that is not between tissue is excluded, with a little of a lung that the field of view
    truncates.
    """

    threshold_hu: float
    closing_mm: float = 0.0
    enclosed_only: bool = False


class ChestAir(NamedTuple):
    """Air and gas of a scan, shared by all attempts; bool arrays on the grid, axes upright.

    Attributes:
        grid: the scan, coarse.
        enclosed: between thick tissue from front to back or from side to side, as lungs and gut are.
        surrounded: in both directions; air between arm and body is not.
        gas: the part of the enclosed air with a wall of its own: airways and gut.
        spine: (y, x) in voxels, None where no bone was found.
        air_hu: this scanner's value of air.
    """

    grid: CoarseGrid
    enclosed: np.ndarray
    surrounded: np.ndarray
    gas: np.ndarray
    spine: tuple[float, float] | None
    air_hu: float

    def within(self, box: tuple[slice, slice, slice]) -> "ChestAir":
        """The part inside a box."""
        _, y, x = box
        return ChestAir(
            grid=self.grid.within(box),
            enclosed=self.enclosed[box],
            surrounded=self.surrounded[box],
            gas=self.gas[box],
            spine=(self.spine[0] - y.start, self.spine[1] - x.start) if self.spine else None,
            air_hu=self.air_hu,
        )


def find_chest_air(grid: CoarseGrid) -> ChestAir:
    """Finds air between tissue, and the gas in it that is not lung."""
    air = grid.measured & (grid.hu < LUNG_BELOW_HU)
    # A table's shell is too thin to enclose what lies on it. A lung truncated in front by the field of view is still
    # between ribs and heart.
    tissue = opening(grid.measured & ~air, SQUARE)
    front_and_back, both_sides = between(tissue, 1), between(tissue, 2)
    enclosed = front_and_back | both_sides
    spine = spine_position(grid, air & enclosed)
    air_hu = air_outside_hu(grid, air & ~enclosed)
    gas = find_enclosed_gas(grid, air & enclosed, air_hu, spine)
    return ChestAir(grid, enclosed, front_and_back & both_sides, gas, spine, air_hu)


def find_lungs(chest: ChestAir, parameters: SegmentationParameters) -> tuple[np.ndarray, np.ndarray]:
    """Lungs uint8 (0, LEFT, RIGHT) and all other air, bool; both on the grid, upright.

    A lung is a component of air without gas, enclosed by thick tissue, that does not touch the border of the field of
    view with anything lighter than lung. This excludes air outside, the foam of a table, airways and gut.
    """
    grid = chest.grid
    air = grid.measured & (grid.hu < parameters.threshold_hu)
    lungs = (air & chest.enclosed if parameters.enclosed_only else air) & ~dilation(chest.gas, SQUARE)
    if parameters.closing_mm:
        lungs = opening(lungs, disk(parameters.closing_mm, grid.spacing_mm[1:]))
    found = _without_small_ones(list(_lungs_among(chest, lungs, air & ~lungs)))
    sides = np.zeros(lungs.shape, np.uint8)
    if found:
        body = np.flatnonzero((grid.measured & ~air).any((0, 1)))
        midline = chest.spine[1] if chest.spine else float(body.mean())
        for box, part in found:
            sides[box][part] = left_and_right(part, grid.spacing_mm, midline - box[2].start)[part]
    return sides, air & (sides == 0)


def _lungs_among(chest: ChestAir, candidates: np.ndarray, other_air: np.ndarray) -> Iterator[Component]:
    grid, enclosed = chest.grid, chest.enclosed
    border = grid.measured & ~erosion(grid.measured, SQUARE)
    open_air = dilation(other_air & ~enclosed, SQUARE)
    for box, part in components(candidates, grid, _SMALLEST_LITRES):
        at_border = part & border[box]
        if (
            np.count_nonzero(part & enclosed[box]) > _ENCLOSED_SHARE * np.count_nonzero(part)
            and np.median(grid.hu[box][part]) > _GAS_BELOW_HU
            and not (at_border.any() and np.median(grid.hu[box][at_border]) < _GAS_BELOW_HU)
            and np.count_nonzero(part & open_air[box]) < _OPEN_SHARE * np.count_nonzero(part & ~erosion(part, SQUARE))
        ):
            yield box, part


def _without_small_ones(lungs: list[Component]) -> list[Component]:
    """Without components much smaller than the largest."""
    sizes = [np.count_nonzero(part) for _, part in lungs]
    return [lung for lung, size in zip(lungs, sizes, strict=True) if size >= _SMALLEST_SHARE * max(sizes)]
