"""The value of air, walls, leaks and lumina, on grids of a few voxels."""

import numpy as np
import pytest

from pulmo.imaging import enclosed_gas
from pulmo.imaging.downsample import CoarseGrid

AIR, TISSUE = -1000, 40


def grid_of(hu: np.ndarray, spacing_mm: float) -> CoarseGrid:
    lengths = (spacing_mm, spacing_mm, spacing_mm)
    return CoarseGrid(hu, np.ones(hu.shape, bool), lengths, (1, 1, 1), (0, 1, 2), (False, False, False))


@pytest.mark.parametrize(("shown", "air_hu"), [(2, -1000), (3, -980)])
def test_the_air_outside_counts_from_a_thousandth_of_the_image_on(shown: int, air_hu: float) -> None:
    hu = np.full((1, 40, 50), TISSUE, np.int16)
    hu[0, 0, :3] = (-960, -980, -990)[:shown] + (TISSUE,) * (3 - shown)
    hu[0, 1] = -900  # not surely air
    assert enclosed_gas.air_outside_hu(grid_of(hu, 1.0), np.ones(hu.shape, bool)) == air_hu


@pytest.mark.parametrize(("tissue", "joins"), [(15, False), (16, True)])
def test_a_lumen_has_tissue_in_more_than_six_tenths_of_its_window(tissue: int, joins: bool) -> None:
    """A window of 25 mm is 5 × 5 voxels of 5 mm: 15 of 25 are six tenths."""
    hu = np.full((1, 11, 11), AIR, np.int16)
    window = np.full(25, TISSUE)
    window[: 25 - tissue] = AIR
    hu[0, 3:8, 3:8] = np.roll(window, 10).reshape(5, 5)  # the air's rows from the middle down
    found, light = np.zeros(hu.shape, bool), np.zeros(hu.shape, bool)
    found[0, 5, 4] = light[0, 5, 5] = True
    grown = enclosed_gas._with_lumen(grid_of(hu, 5.0), light, found)
    assert grown[0, 5, 5] == joins
    assert grown.sum() == 1 + joins


def test_no_gas_has_no_lumen() -> None:
    nothing = np.zeros((1, 5, 5), bool)
    assert not enclosed_gas._with_lumen(grid_of(np.full((1, 5, 5), AIR, np.int16), 5.0), ~nothing, nothing).any()


def test_a_leak_is_the_share_of_light_neighbours() -> None:
    """One voxel has eight neighbours in its plane; three of them are below the threshold."""
    hu = np.full((1, 5, 5), TISSUE, np.int16)
    hu[0, 1, 1:4] = -901
    hu[0, 3, 1] = -900
    part = np.zeros(hu.shape, bool)
    part[0, 2, 2] = True
    assert enclosed_gas._leak(grid_of(hu, 1.0), part, -900) == 3 / 8
    assert enclosed_gas._leak(grid_of(hu, 1.0), np.ones(hu.shape, bool), -900) == 0  # nothing is beside it


def test_columns_with_other_air_below() -> None:
    """A part in planes 1 and 2 above two columns; air below one of them, and beside the other."""
    air = np.zeros((3, 1, 3), bool)
    part = np.ones((2, 1, 2), bool)
    air[1:3, 0, :2] = air[0, 0, 0] = air[0, 0, 2] = True
    assert enclosed_gas._air_below(air, (slice(1, 3), slice(0, 1), slice(0, 2)), part) == 0.5


def test_the_window_has_an_odd_width() -> None:
    hu = np.zeros((1, 2, 2), np.int16)
    assert enclosed_gas._lumen_window(grid_of(hu, 5.0)) == (5, 5)
    assert enclosed_gas._lumen_window(grid_of(hu, 4.0)) == (7, 7)  # 6.25 voxels


RING = ((-1, -1), (-1, 1), (1, -1), (1, 1), (-2, 0), (2, 0), (0, -2), (0, 2))
"""What lies 3 to 6.5 mm from a voxel of 3 mm: (rows, columns) from it, the corners of its neighbourhood first."""
BESIDE = ((-1, 0), (1, 0), (0, -1), (0, 1))
LUNG = -700


def tube(
    walled: int,
    leaks: int = 0,
    leak_hu: int = -898,
    column: int = 30,
    first: int = 1,
    gas: tuple[int, ...] = (AIR,) * 8,
) -> np.ndarray:
    """A tube of one voxel a plane through lung: so much of its ring is tissue, and so many neighbours are light."""
    hu = np.full((12, 13, 61), LUNG, np.int16)
    for y, x in RING[:walled]:
        hu[:, 6 + y, column + x] = TISSUE
    for y, x in BESIDE[:leaks]:
        hu[:, 6 + y, column + x] = leak_hu
    hu[first : first + len(gas), 6, column] = gas
    return hu


def gas_in(hu: np.ndarray, spine: tuple[float, float] | None = (6.0, 30.0)) -> int:
    """Voxels of gas in planes 30 mm apart, whose voxels are 270 mm³."""
    grid = CoarseGrid(hu, np.ones(hu.shape, bool), (30.0, 3.0, 3.0), (1, 1, 1), (0, 1, 2), (False, False, False))
    found = enclosed_gas.find_enclosed_gas(grid, hu < -350, AIR, spine)
    assert not found[hu > -900].any()
    return np.count_nonzero(found)


@pytest.mark.parametrize(("walled", "wall"), [(3, 3 / 8), (8, 1.0)])
def test_a_wall_is_the_share_of_tissue_in_the_ring(walled: int, wall: float) -> None:
    hu, part = tube(walled), np.zeros((12, 13, 61), bool)
    part[1, 6, 30] = True
    grid = grid_of(hu, 3.0)
    assert enclosed_gas._wall(grid, part) == wall
    hu[1, 5, 29] = -500  # no tissue, at the limit
    assert enclosed_gas._wall(grid, part) == wall - 1 / 8
    grid.measured[1, 5, 29] = False
    assert enclosed_gas._wall(grid, part) == (8 * wall - 1) / 7
    assert enclosed_gas._wall(grid, np.ones(hu.shape, bool)) == 0  # nothing is around it


@pytest.mark.parametrize(
    ("columns_off", "walled", "found"),
    [(0, 4, False), (0, 5, True), (19, 5, True), (20, 5, False), (-19, 5, True), (-20, 5, False), (20, 6, True)],
)
@pytest.mark.parametrize("spine", [(6.0, 30.0), None])
def test_half_a_wall_is_enough_within_60_mm_of_the_middle(
    spine: tuple[float, float] | None, columns_off: int, walled: int, found: bool
) -> None:
    """Beyond it seven tenths are needed. Without a spine the middle is that of the air, here 30 as well."""
    assert gas_in(tube(walled, column=30 + columns_off), spine) == 8 * found


@pytest.mark.parametrize(("walled", "found"), [(2, False), (3, True)])
def test_a_third_of_a_wall_is_enough_where_no_air_is_below(walled: int, found: bool) -> None:
    assert gas_in(tube(walled, first=0)) == 8 * found
    assert gas_in(tube(walled, first=1)) == 0


@pytest.mark.parametrize(("columns", "found"), [(3, False), (4, True)])
def test_no_air_is_below_where_it_is_below_less_than_three_tenths(columns: int, found: bool) -> None:
    """Below one of three columns, or one of four; 70 mm from the middle, where half a wall, in front, is too little."""
    hu = np.full((12, 13, 61), LUNG, np.int16)
    hu[:, :6] = TISSUE
    hu[1:, 6, 4 : 4 + columns] = AIR
    hu[0, 6, 5 : 4 + columns] = TISSUE
    assert gas_in(hu) == 11 * columns * found


@pytest.mark.parametrize(("leaks", "found"), [(2, True), (3, False)])
def test_at_the_base_less_than_three_tenths_may_leak(leaks: int, found: bool) -> None:
    assert gas_in(tube(4, leaks, first=0)) == 8 * found


@pytest.mark.parametrize(("leaks", "found"), [(3, True), (4, False)])
def test_elsewhere_the_wall_must_exceed_the_leak_by_a_third(leaks: int, found: bool) -> None:
    """6/8 of a wall and a leak of 3/8, or of 4/8."""
    assert gas_in(tube(6, leaks)) == 8 * found


@pytest.mark.parametrize(("hu", "found"), [(-940, True), (-939, False)])
def test_gas_is_within_60_of_the_air_outside(hu: int, found: bool) -> None:
    assert gas_in(tube(8, gas=(hu,) * 8)) == 8 * found


@pytest.mark.parametrize("planes", [7, 8])
def test_gas_has_more_than_2_ml(planes: int) -> None:
    """1.89 or 2.16 ml."""
    assert gas_in(tube(8, gas=(AIR,) * planes)) == planes * (planes == 8)


@pytest.mark.parametrize("above", [100, 75, 50, 25])
def test_the_threshold_is_lowered_until_nothing_leaks(above: int) -> None:
    """Light neighbours end the leak at one threshold; there the tube is whole only if its lighter planes are below."""
    for weak_hu, leak_hu, found in ((-1, 80, True), (0, 80, False), (-1, 79, False)):
        gas = (AIR,) * 5 + (AIR + above + weak_hu,) * 3
        hu = tube(6, 4, leak_hu=AIR + above + leak_hu, gas=gas)
        grid = CoarseGrid(hu, np.ones(hu.shape, bool), (30.0, 3.0, 3.0), (1, 1, 1), (0, 1, 2), (False, False, False))
        # A leak that goes on at this threshold ends at the next one, where the lighter planes are missing.
        assert enclosed_gas.find_enclosed_gas(grid, hu < -350, AIR, (6.0, 30.0)).any() == found


@pytest.mark.parametrize(("hu", "joins"), [(-801, True), (-800, False)])
def test_a_lumen_is_within_200_of_the_air_outside(hu: int, joins: bool) -> None:
    body = np.full((12, 13, 61), TISSUE, np.int16)
    body[1:9, 6, 30] = AIR
    body[5, 6, 31] = hu
    grid = CoarseGrid(body, np.ones(body.shape, bool), (30.0, 3.0, 3.0), (1, 1, 1), (0, 1, 2), (False, False, False))
    assert np.count_nonzero(enclosed_gas.find_enclosed_gas(grid, body < -350, AIR, None)) == 8 + joins


def test_no_enclosed_air_has_no_gas() -> None:
    assert gas_in(np.full((12, 13, 61), TISSUE, np.int16), spine=None) == 0


@pytest.mark.parametrize(("column", "found"), [(54, True), (55, False)])
def test_the_middle_is_where_the_spine_is_also_where_air_begins_far_inside(column: int, found: bool) -> None:
    hu = tube(5, column=column)
    hu[:, :, :20] = TISSUE
    assert gas_in(hu, (6.0, 35.0)) == 8 * found
