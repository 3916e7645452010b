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
