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


BOX = (slice(2, 10), slice(20, 40), slice(10, 30))
"""A right lung of 8 planes of 20 × 20 voxels of 3 mm, in 12 planes of tissue."""
EVEN_MM = 3.0 * np.arange(12)
Box = tuple[slice | int, slice | int, slice | int]


def single(
    *values: tuple[Box, int],
    gas: Box | None = None,
    closed: Box | None = None,
    unmeasured: Box | None = None,
    positions_mm: np.ndarray = EVEN_MM,
    labelled: Box | None = None,
) -> MaskDefects:
    """Defects of that lung, with other HU in some boxes; gas, air that is not enclosed and padding in others."""
    hu, labels = np.full((12, 60, 80), 40, np.int16), np.zeros((12, 60, 80), np.uint8)
    hu[BOX], labels[BOX] = -850, RIGHT
    for box, value in values:
        hu[box] = value
    masks = []
    for other in (gas, closed, unmeasured):
        mask = np.zeros(hu.shape, bool)
        if other is not None:
            mask[other] = True
        masks.append(mask)
    if labelled is not None:
        labels[labelled] = RIGHT
    everywhere = np.ones(hu.shape, bool)
    grid = CoarseGrid(hu, ~masks[2], (3.0, 3.0, 3.0), (1, 1, 1), (0, 1, 2), (False, False, False))
    chest = ChestAir(grid, ~masks[1], everywhere, masks[0], None, -1000.0)
    volume = Volume(hu, positions_mm, (3.0, 3.0), np.eye(3), np.zeros((12, 2)), (), "")
    return measure_defects(volume, labels, np.count_nonzero(labels, axis=(1, 2)), chest)


def test_a_lung_in_tissue_has_no_defects() -> None:
    found = single()
    assert (found.gas_litres, found.light_litres, found.missing, found.open_rim, found.dense) == (0, 0, 0, 0, 0)
    assert (found.outside, found.at_field, found.at_ends, found.step_mm, found.step) == (0, 0, 0, 3, 3 / 21)
    assert not found.is_gap


def test_gas_and_air_that_is_not_between_tissue() -> None:
    """Five voxels of the mask, and some beside it."""
    assert single(gas=(4, 25, slice(5, 15))).gas_litres == pytest.approx(5 * 27e-6)
    assert single(closed=(4, 25, slice(5, 15))).outside == pytest.approx(5 / 3200)


@pytest.mark.parametrize(("lung_hu", "limit_hu"), [(-850, -940), (-870, -950)])
def test_light_parts_of_the_lower_half_are_near_air_and_far_below_the_lung(lung_hu: int, limit_hu: int) -> None:
    """9 voxels in each of the four lower of eight planes, 60 HU above air or 80 below the median."""
    light: Box = (slice(2, 10), slice(25, 28), slice(15, 18))
    assert single((BOX, lung_hu), (light, limit_hu - 1)).light_litres == pytest.approx(36 * 27e-6)
    assert single((BOX, lung_hu), (light, limit_hu)).light_litres == 0
    assert single((BOX, lung_hu), ((slice(2, 10), 25, slice(15, 18)), -1000)).light_litres == 0  # a row, as edges are


def test_dense_parts_are_tissue_of_three_voxels_or_more() -> None:
    vessel: Box = (slice(2, 10), slice(25, 28), slice(15, 17))
    tumour: Box = (slice(2, 10), slice(25, 28), slice(15, 18))
    assert single((tumour, -299)).dense == pytest.approx(72 / 3200)
    assert single((tumour, -300)).dense == single((vessel, 40)).dense == 0


def test_an_open_rim_has_the_density_of_lung() -> None:
    """The ring 3 to 6.5 mm around 20 × 20 voxels has 4 × 20 and one at each corner; 20 of them are beside the lung."""
    beside: Box = (slice(2, 10), slice(20, 40), 31)
    assert single((beside, -601)).open_rim == pytest.approx(20 / 84)
    assert single((beside, -600)).open_rim == 0
    assert single((beside, -601), unmeasured=beside).open_rim == 0


def test_the_border_at_the_field_of_view() -> None:
    """20 of the 76 voxels around 20 × 20."""
    assert single(unmeasured=(slice(0, 12), slice(0, 60), slice(30, 80))).at_field == pytest.approx(20 / 76)


def test_area_at_the_ends() -> None:
    """40 of 400 voxels in the first slice, or in the last."""
    for end in (0, 11):
        assert single(labelled=(end, slice(20, 22), slice(10, 30))).at_ends == pytest.approx(0.1)


@pytest.mark.parametrize(("step_mm", "is_gap"), [(4.5, False), (4.6, True)])
def test_a_gap_is_more_than_one_and_a_half_steps(step_mm: float, is_gap: bool) -> None:
    positions = 3.0 * np.arange(12)
    positions[6:] += step_mm - 3
    found = single(positions_mm=positions)
    assert (found.step_mm, found.step) == pytest.approx((step_mm, step_mm / (18 + step_mm)))
    assert found.is_gap == is_gap


def test_missing_parts_have_more_than_2_ml_and_the_density_of_lung() -> None:
    """96 voxels at the mask's height are 2.6 ml, 72 are 1.9 ml."""
    large: Box = (slice(2, 10), slice(25, 28), slice(50, 54))
    small: Box = (slice(2, 10), slice(25, 28), slice(50, 53))
    assert single((large, -601)).missing == pytest.approx(96 / 3296)
    assert single((large, -600)).missing == single((large, -1000)).missing == single((small, -850)).missing == 0


def test_missing_parts_above_or_below_the_mask_touch_it() -> None:
    above: Box = (slice(10, 12), slice(25, 32), slice(15, 22))
    beside: Box = (slice(10, 12), slice(25, 32), slice(50, 57))
    assert single((above, -850)).missing == pytest.approx(98 / 3298)
    assert single((beside, -850)).missing == 0
