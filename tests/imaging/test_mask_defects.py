"""The litres' uncertainty by the distances between slices, exchanged lungs and missing parts, computed by hand."""

import numpy as np
import pytest

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import ChestAir
from pulmo.imaging.mask_defects import MaskDefects, largest_step, measure_defects, sampling_litres
from pulmo.imaging.volume import Volume


def volume_at(*positions_mm: float) -> Volume:
    count = len(positions_mm)
    hu, positions = np.zeros((count, 2, 2), np.int16), np.array(positions_mm)
    return Volume(hu, positions, (2.0, 0.5), np.eye(3), np.zeros((count, 2)), (), "")


def test_areas_along_a_line_are_certain() -> None:
    assert sampling_litres(volume_at(0, 10, 40, 50), np.array([0, 100, 400, 500])) == pytest.approx(0, abs=1e-15)


def test_areas_along_a_parabola() -> None:
    """z² voxels of 1 mm² have f″ = 2: an error of h³/6 a step, 10³/6, 20³/6 and 10³/6 mm³ here."""
    positions = (0, 10, 30, 40)
    areas = np.array([z**2 for z in positions])
    expected = 2 * np.sqrt(1000**2 + 8000**2 + 1000**2) / 6 / 1e6
    assert sampling_litres(volume_at(*positions), areas) == pytest.approx(expected)


def test_a_step_takes_the_larger_bend_of_its_ends() -> None:
    """Areas 0, 0, 60, 60 at steps of 10 mm: slopes 0, 6, 0 and f″ = ±0.6 at both inner slices: 50 mm³ a step."""
    areas = np.array([0, 0, 60, 60])
    assert sampling_litres(volume_at(0, 10, 20, 30), areas) == pytest.approx(2 * 50 * np.sqrt(3) / 1e6)
    # One slice more, where the area stays the same: its own bend is 0, but the step before has one of 0.6.
    longer = sampling_litres(volume_at(0, 10, 20, 30, 40), np.array([0, 0, 60, 60, 60]))
    assert longer == pytest.approx(2 * 50 * np.sqrt(3) / 1e6)


def test_the_largest_step_between_slices_that_show_lung() -> None:
    volume = volume_at(0, 1, 11, 13, 40)
    assert largest_step(volume, np.array([0, 5, 0, 7, 0])) == (10, 12)
    assert largest_step(volume, np.array([0, 0, 7, 0, 0])) == (0, 0)


AT_THE_RIGHT, AT_THE_LEFT = slice(10, 30), slice(50, 70)  # columns, from the patient's right to the left


def defects_of(
    lungs: list[tuple[slice, int]],
    spine: tuple[float, float] | None,
    unmasked: tuple[slice, slice, slice] | None = None,
) -> MaskDefects:
    """Of boxes of lung with a label each, in 12 slices of tissue, and a box of lung without; a voxel is 27 mm³."""
    hu, labels = np.full((12, 60, 80), 40, np.int16), np.zeros((12, 60, 80), np.uint8)
    for columns, label in lungs:
        hu[2:10, 20:40, columns], labels[2:10, 20:40, columns] = -850, label
    if unmasked:
        hu[unmasked] = -850
    everywhere = np.ones(hu.shape, bool)
    grid = CoarseGrid(hu, everywhere, (3.0, 3.0, 3.0), (1, 1, 1), (0, 1, 2), (False, False, False))
    chest = ChestAir(grid, everywhere, everywhere, ~everywhere, spine, -1000.0)
    volume = Volume(hu, 3.0 * np.arange(12), (3.0, 3.0), np.eye(3), np.zeros((12, 2)), (), "")
    return measure_defects(volume, labels, np.count_nonzero(labels, axis=(1, 2)), chest)


@pytest.mark.parametrize("spine", [(50.0, 40.0), None])
def test_two_lungs_are_exchanged_where_the_left_one_is_at_the_right(spine: tuple[float, float] | None) -> None:
    assert not defects_of([(AT_THE_RIGHT, RIGHT), (AT_THE_LEFT, LEFT)], spine).swapped
    assert defects_of([(AT_THE_RIGHT, LEFT), (AT_THE_LEFT, RIGHT)], spine).swapped


@pytest.mark.parametrize(
    ("columns", "label", "swapped"),
    [(AT_THE_RIGHT, RIGHT, False), (AT_THE_LEFT, LEFT, False), (AT_THE_RIGHT, LEFT, True), (AT_THE_LEFT, RIGHT, True)],
)
def test_a_single_lung_is_on_its_side_of_the_spine(columns: slice, label: int, swapped: bool) -> None:
    assert defects_of([(columns, label)], (50.0, 40.0)).swapped is swapped
    assert not defects_of([(columns, label)], None).swapped  # without a spine nothing is known


@pytest.mark.parametrize(("planes", "counted"), [(slice(0, 6), True), (slice(0, 4), False)])
def test_lung_beside_the_mask_is_missing_where_most_of_it_is_at_the_masks_height(planes: slice, counted: bool) -> None:
    """Four of six planes are; or two of four, which is no more than half."""
    found = defects_of([(AT_THE_RIGHT, RIGHT)], None, unmasked=(planes, slice(20, 40), AT_THE_LEFT))
    assert bool(found.missing > 0) == counted
