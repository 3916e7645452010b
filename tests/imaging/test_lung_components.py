"""Components of air on a grid of 10 mm: a voxel is 1 ml."""

from dataclasses import replace

import numpy as np
import pytest

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.enclosed_gas import components
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import ChestAir, SegmentationParameters, find_chest_air, find_lungs


def grid_of(hu: np.ndarray) -> CoarseGrid:
    everywhere = np.ones(hu.shape, bool)
    return CoarseGrid(hu.astype(np.int16), everywhere, (10.0, 10.0, 10.0), (1, 1, 1), (0, 1, 2), (False, False, False))


def test_components_with_their_boxes() -> None:
    mask = np.zeros((4, 6, 8), bool)
    mask[1:3, 1:3, 1:4] = True  # 12 voxels
    mask[3, 4, 5:8] = True  # 3 voxels
    mask[0, 5, 0] = True  # 1 voxel, joined by a corner to nothing
    grid = grid_of(np.zeros(mask.shape))
    found = list(components(mask, grid, smallest_litres=0.0015))
    assert [box for box, _ in found] == [
        (slice(1, 3), slice(1, 3), slice(1, 4)),
        (slice(3, 4), slice(4, 5), slice(5, 8)),
    ]
    assert all(part.all() for _, part in found)
    # The smallest is exclusive: 3 ml are not above 0.003 litres.
    ((box, part),) = components(mask, grid, smallest_litres=0.003, margin=2)
    assert box == (slice(1, 3), slice(0, 5), slice(0, 6))
    np.testing.assert_array_equal(part, mask[box])
    assert not list(components(mask, grid, smallest_litres=0.012))
    assert not list(components(np.zeros_like(mask), grid, smallest_litres=0.0))


def test_a_component_leaves_out_another_in_its_box() -> None:
    mask = np.zeros((1, 5, 5), bool)
    mask[0, [0, -1]] = mask[0, :, [0, -1]] = True  # a frame of 16 voxels
    mask[0, 2, 2] = True
    sizes = [(box, int(part.sum())) for box, part in components(mask, grid_of(np.zeros(mask.shape)), 0.0)]
    assert sizes == [((slice(0, 1), slice(0, 5), slice(0, 5)), 16), ((slice(0, 1), slice(2, 3), slice(2, 3)), 1)]


def test_the_part_of_a_chest_inside_a_box() -> None:
    hu = np.arange(2 * 4 * 6).reshape(2, 4, 6)
    chest = ChestAir(
        grid=grid_of(hu), enclosed=hu > 10, surrounded=hu > 20, gas=hu > 30, spine=(3.0, 2.5), air_hu=-997.0
    )
    part = chest.within((slice(1, 2), slice(2, 4), slice(1, 3)))
    numbers = [[[37, 38], [43, 44]]]  # 24 a plane, 6 a row
    np.testing.assert_array_equal(part.grid.hu, numbers)
    assert part.enclosed.all()
    assert part.surrounded.all()
    assert part.gas.all()
    # The spine is 2 rows and 1 column closer to the box's corner.
    assert part.spine == (1.0, 1.5)
    assert part.air_hu == -997.0
    assert chest._replace(spine=None).within((slice(0, 1), slice(0, 1), slice(0, 1))).spine is None


def test_air_that_a_curved_table_encloses_is_not_lung() -> None:
    """A body with two lungs on a table with raised edges, and air between them: enclosed from side to side alone."""
    hu = np.full((8, 30, 40), -1000)
    hu[:, 3:20, 5:35] = 40
    hu[:, 6:17, 8:18] = hu[:, 6:17, 22:32] = -850
    hu[:, 22:27, 2:5] = hu[:, 22:27, 35:38] = 40  # the table's edges
    chest = find_chest_air(grid_of(hu))
    assert chest.enclosed[4, 24, 20]
    lungs, _ = find_lungs(chest, SegmentationParameters(threshold_hu=-350, enclosed_only=True))
    np.testing.assert_array_equal(lungs > 0, hu == -850)


def lungs_in(hu: np.ndarray) -> np.ndarray:
    lungs, _ = find_lungs(find_chest_air(grid_of(hu)), SegmentationParameters(threshold_hu=-350))
    return lungs > 0


def test_parts_below_a_twentieth_of_the_largest_are_left_out() -> None:
    hu = np.full((12, 30, 50), 40)
    hu[2:10, 4:14, 4:14] = -850  # 800 voxels
    hu[2:6, 20:25, 4:6] = -850  # 40
    hu[4:7, 6:7, 30:43] = -850  # 39
    found = lungs_in(hu)
    assert found[2:10, 4:14, 4:14].all()
    assert found[2:6, 20:25, 4:6].all()
    assert np.count_nonzero(found) == 840


def test_a_part_that_ends_in_air_at_the_image_border_is_not_lung() -> None:
    hu = np.full((8, 30, 40), 40)
    hu[:, 6:20, 22:34] = -850
    hu[:, 6:20, 4:16] = -850
    assert lungs_in(hu)[:, :, 4:16].any()
    hu[:, 12:15, 0:4] = -1000
    found = lungs_in(hu)
    assert not found[:, :, :20].any()
    assert found[:, 6:20, 22:34].all()
    hu[:, 12:15, 0:4] = -850  # cut by the field of view
    assert lungs_in(hu)[:, :, 4:16].any()


def parts_of(
    part: np.ndarray,
    hu: int = -850,
    enclosed: np.ndarray | None = None,
    open_air: np.ndarray | None = None,
) -> int:
    """Voxels of lung found where air has this shape in tissue, by default wholly enclosed."""
    values = np.where(part, hu, 40).astype(np.int16)
    if open_air is not None:
        values[open_air] = -1000
    inside = np.ones(part.shape, bool) if enclosed is None else enclosed
    chest = ChestAir(grid_of(values), inside, inside, np.zeros(part.shape, bool), None, -1000.0)
    parameters = SegmentationParameters(threshold_hu=-350)
    if open_air is not None:
        parameters = replace(parameters, enclosed_only=True)
    return np.count_nonzero(find_lungs(chest, parameters)[0][part])


SLAB = np.zeros((1, 12, 20), bool)
SLAB[0, 3:9, 4:14] = True  # 60 voxels, and a border of 28


def test_lung_is_above_30_ml() -> None:
    part = np.zeros((1, 12, 20), bool)
    part[0, 3:8, 4:10] = True
    assert parts_of(part) == 0
    part[0, 8, 4] = True
    assert parts_of(part) == 31


@pytest.mark.parametrize(("hu", "voxels"), [(-955, 0), (-954, 60), (-351, 60), (-350, 0)])
def test_lung_is_above_gas_and_below_tissue(hu: int, voxels: int) -> None:
    assert parts_of(SLAB, hu) == voxels


@pytest.mark.parametrize(("columns", "voxels"), [(5, 0), (6, 60)])
def test_more_than_half_of_a_lung_is_enclosed(columns: int, voxels: int) -> None:
    enclosed = np.zeros(SLAB.shape, bool)
    enclosed[:, :, : 4 + columns] = True
    assert parts_of(SLAB, enclosed=enclosed) == voxels


@pytest.mark.parametrize(("corners", "voxels"), [(2, 60), (3, 0)])
def test_less_than_a_tenth_of_a_lungs_border_is_beside_open_air(corners: int, voxels: int) -> None:
    """A voxel of open air at a corner touches one of the border's 28."""
    open_air = np.zeros(SLAB.shape, bool)
    open_air[0, [2, 2, 9][:corners], [3, 14, 3][:corners]] = True
    assert parts_of(SLAB, enclosed=~open_air, open_air=open_air) == voxels


@pytest.mark.parametrize(("air_hu", "voxels"), [(-955, 60), (-956, 0)])
def test_a_part_that_ends_in_gas_at_the_field_of_view_is_not_lung(air_hu: int, voxels: int) -> None:
    """Its last column, at the edge of what is measured, is lighter than the rest."""
    values = np.where(SLAB, -850, 40).astype(np.int16)
    values[0, 3:9, 13] = air_hu
    measured = np.ones(SLAB.shape, bool)
    measured[:, :, 14:] = False
    grid = CoarseGrid(values, measured, (10.0, 10.0, 10.0), (1, 1, 1), (0, 1, 2), (False, False, False))
    everywhere = np.ones(SLAB.shape, bool)
    chest = ChestAir(grid, everywhere, everywhere, ~everywhere, None, -1000.0)
    lungs, _ = find_lungs(chest, SegmentationParameters(threshold_hu=-350))
    assert np.count_nonzero(lungs) == voxels


def test_without_a_spine_the_bodys_middle_divides_left_from_right() -> None:
    """The body is in columns 10 to 29 of 40: its middle is 19.5, between the two lungs."""
    hu = np.full((4, 16, 40), -1000, np.int16)
    hu[:, 2:14, 10:30] = 40
    hu[:, 5:11, 12:18] = hu[:, 5:11, 21:27] = -850
    lungs, other = find_lungs(find_chest_air(grid_of(hu)), SegmentationParameters(threshold_hu=-350))
    assert (lungs[:, 5:11, 12:18] == RIGHT).all()
    assert (lungs[:, 5:11, 21:27] == LEFT).all()
    np.testing.assert_array_equal(other, hu == -1000)


@pytest.mark.parametrize(("wall_hu", "enclosed"), [(-350, True), (-351, False)])
def test_tissue_encloses_from_minus_350_on(wall_hu: int, enclosed: bool) -> None:
    hu = np.full((1, 20, 20), -1000)
    hu[:, 4:7, 4:16] = hu[:, 13:16, 4:16] = wall_hu
    chest = find_chest_air(grid_of(hu))
    assert chest.enclosed[0, 10, 10] == enclosed
    assert not chest.surrounded[0, 10, 10]  # nothing at its sides
