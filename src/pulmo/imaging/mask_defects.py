"""Defects of a lung mask, measured on the coarse grid: gas, missing lung, tissue, truncation, swapped sides."""

from typing import NamedTuple

import numpy as np

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.enclosed_gas import components
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import ChestAir
from pulmo.imaging.morphology import SQUARE, bounding_box, dilation, disk, erosion, opening, widened
from pulmo.imaging.volume import Volume

_THICK_MM = 4.5
"""Radius of the opening that removes blurred edges."""
_RING_MM = (3.0, 6.5)
UNEVEN = 1.5
"""A step between slices that is more than so many usual ones is a gap."""
_LUNG_HU, _TISSUE_HU = -600, -300
_SMALLEST_MISSING_LITRES = 0.002
_NEARLY_AIR_HU, _LIGHTER_THAN_LUNG_HU = 60, 80


class MaskDefects(NamedTuple):
    """Measures of a lung mask's defects: litres, and fractions from 0 to 1.

    Attributes:
        gas_litres: of airways and gut in the mask.
        light_litres: in the lower half of the mask, as light as air and far lighter than this patient's lungs.
        missing: lung-like air inside the body, beside the mask and at its height; as a fraction of it and the mask.
        open_rim: fraction of the mask's surroundings with the density of lung instead of tissue.
        dense: fraction of the mask that is tissue thicker than vessels.
        outside: fraction of the mask that is not between tissue.
        at_field: fraction of the mask's in-plane border at the edge of the field of view.
        at_ends: area in the first or last slice, as a fraction of the largest.
        step_mm: the largest distance between slices that show lung.
        step: the same, as a fraction of the lungs' height.
        is_gap: whether it is clearly larger than the usual distance.
        sampling_litres: two standard errors of the litres, from the distances between slices.
        swapped: the left lung is on the right.
    """

    gas_litres: float
    light_litres: float
    missing: float
    open_rim: float
    dense: float
    outside: float
    at_field: float
    at_ends: float
    step_mm: float
    step: float
    is_gap: bool
    sampling_litres: float
    swapped: bool


def measure_defects(volume: Volume, labels: np.ndarray, areas: np.ndarray, chest: ChestAir) -> MaskDefects:
    """The defects of a mask that is not empty; `labels` as `LungMask.labels`, `areas` (slices,) their voxels."""
    small = chest.grid.sampled(labels)
    lung_like = chest.surrounded & (chest.grid.hu < _LUNG_HU)
    rim = 2 + max(int(_RING_MM[1] / mm) for mm in chest.grid.spacing_mm[1:])
    box = widened(bounding_box(lung_like | (small > 0)), rim, small.shape)
    chest, small, lung_like = chest.within(box), small[box], lung_like[box]
    grid, mask = chest.grid, small > 0
    litres = np.count_nonzero(mask) * grid.voxel_litres
    thick = disk(_THICK_MM, grid.spacing_mm[1:])
    beside_gas = dilation(chest.gas, SQUARE)
    border = mask & ~erosion(mask, SQUARE)
    inner, outer = (dilation(mask, disk(radius_mm, grid.spacing_mm[1:])) for radius_mm in _RING_MM)
    ring = grid.hu[outer & ~inner & grid.measured & ~beside_gas]
    beside = lung_like & ~dilation(mask, SQUARE) & ~beside_gas & (grid.hu > chest.air_hu)
    step_mm, height_mm = largest_step(volume, areas)
    missing = _missing(grid, opening(beside, thick), mask, outer) * grid.voxel_litres
    return MaskDefects(
        gas_litres=np.count_nonzero(mask & chest.gas) * grid.voxel_litres,
        light_litres=_light(chest, mask, thick) * grid.voxel_litres,
        missing=missing / (litres + missing) if missing else 0.0,
        open_rim=float((ring < _LUNG_HU).mean()) if ring.size else 0.0,
        dense=np.count_nonzero(opening(mask & (grid.hu > _TISSUE_HU), thick)) * grid.voxel_litres / litres,
        outside=np.count_nonzero(mask & ~chest.enclosed) * grid.voxel_litres / litres,
        at_field=_fraction(border & ~erosion(grid.measured, SQUARE), border),
        at_ends=float(max(areas[0], areas[-1]) / areas.max()),
        step_mm=step_mm,
        step=step_mm / height_mm if height_mm else 0.0,
        is_gap=step_mm > UNEVEN * volume.spacing_mm[0],
        sampling_litres=sampling_litres(volume, areas),
        swapped=_swapped(small, chest),
    )


def _fraction(part: np.ndarray, whole: np.ndarray) -> float:
    return int(np.count_nonzero(part)) / max(1, int(np.count_nonzero(whole)))


def _missing(grid: CoarseGrid, like_lung: np.ndarray, mask: np.ndarray, around: np.ndarray) -> int:
    """Voxels of the components that touch the mask or are at its height."""
    heights = np.flatnonzero(mask.any(axis=(1, 2)))
    counted = 0
    for (z, y, x), part in components(like_lung, grid, _SMALLEST_MISSING_LITRES):
        at_its_height = part[max(0, heights[0] - z.start) : max(0, heights[-1] + 1 - z.start)]
        size = int(np.count_nonzero(part))
        above_and_below = slice(max(0, z.start - 1), z.stop + 1)
        if 2 * np.count_nonzero(at_its_height) > size or (around[above_and_below, y, x].any(0) & part.any(0)).any():
            counted += size
    return counted


def _light(chest: ChestAir, mask: np.ndarray, thick: np.ndarray) -> int:
    heights = np.flatnonzero(mask.any(axis=(1, 2)))
    lower = slice(heights[0], (heights[0] + heights[-1]) // 2 + 1)
    hu = chest.grid.hu
    limit = min(chest.air_hu + _NEARLY_AIR_HU, float(np.median(hu[mask])) - _LIGHTER_THAN_LUNG_HU)
    return int(np.count_nonzero(opening(mask[lower] & (hu[lower] < limit), thick)))


def largest_step(volume: Volume, areas: np.ndarray) -> tuple[float, float]:
    """(largest distance between slices that show lung, the lungs' height), mm."""
    inside = np.flatnonzero(areas)
    positions = volume.positions_mm[inside[0] : inside[-1] + 1]
    return (float(np.diff(positions).max()), float(np.ptp(positions))) if len(positions) > 1 else (0.0, 0.0)


def sampling_litres(volume: Volume, areas: np.ndarray) -> float:
    """Two standard errors of the litres in voxels `areas` (slices,) of slices that are apart.

    Between slices h apart the area is interpolated linearly, with an error of f″·h³/12; f″ is the larger second divided
    difference at either slice, and the errors add up in squares. Of 1,800 random thinnings of six reference masks,
    93 % or more change the litres by less.
    """
    steps = np.diff(volume.positions_mm)
    bends = np.abs(2 * np.diff(np.diff(areas) / steps) / (steps[:-1] + steps[1:]))
    bends = np.pad(bends, 1, mode="edge")
    errors = steps**3 / 12 * np.maximum(bends[:-1], bends[1:])
    return float(2 * np.linalg.norm(errors)) * volume.pixel_spacing_mm[0] * volume.pixel_spacing_mm[1] / 1e6


def _swapped(small: np.ndarray, chest: ChestAir) -> bool:
    """By the lungs' positions, or relative to the spine where there is one lung; `small` are the labels on the grid."""
    columns = np.arange(small.shape[2])
    left, right = ((small == side).sum(axis=(0, 1)) for side in (LEFT, RIGHT))
    if left.any() and right.any():
        return bool(np.average(columns, weights=left) < np.average(columns, weights=right))
    if chest.spine is None:
        return False
    left_of_spine = bool(np.average(columns, weights=left + right) > chest.spine[1])
    return left_of_spine != bool(left.any())
