"""Grids: positions of slices and voxels."""

import math

import numpy as np
import pytest

from pulmo.phantom.geometry import axial, evenly

GRIDS = {
    "axial": axial((0, 5, 20), (4, 6), (2.0, 1.0)),
    "tilted": axial((0, 5, 20), (4, 6), (2.0, 1.0), tilt_degrees=18.5),
    "tilted back": axial((0, 5, 20), (4, 6), (2.0, 1.0), tilt_degrees=-10),
    "oblique": axial((0, 5, 20), (4, 6), (2.0, 1.0), centre_mm=(3, -4, 50)).rotated(30, about=(1, 2, 0.5)),
    "reversed": axial((0, 5, 20), (4, 6), (2.0, 1.0)).reversed(),
}


def test_first_voxel_is_half_the_picture_from_the_centre() -> None:
    grid = axial((0.0, 5.0), (4, 6), (2.0, 1.0), centre_mm=(10, 20, 30))
    # 3 row steps of 2 mm and 5 column steps of 1 mm, halved.
    np.testing.assert_allclose(grid.origins, [[7.5, 17, 30], [7.5, 17, 35]])
    points = grid.points(1)
    assert points.shape == (4, 6, 3)
    np.testing.assert_allclose(points[3, 5], [12.5, 23, 35])
    np.testing.assert_allclose(points[1, 0], [7.5, 19, 35])


@pytest.mark.parametrize("name", GRIDS)
def test_origins_project_to_the_slice_positions(name: str) -> None:
    grid = GRIDS[name]
    along = grid.origins @ grid.slice_normal
    np.testing.assert_allclose(along - along[grid.slice_mm.index(0)], grid.slice_mm, atol=1e-9)


def test_a_tilted_gantry_shears_the_stack() -> None:
    grid = axial((0.0, 4.0), (3, 3), 1.0, tilt_degrees=18.5)
    step = grid.origins[1] - grid.origins[0]
    # As in the real head of 18.5°: 4 mm slices, image positions 4.218 mm apart along the table, x and y unchanged.
    np.testing.assert_allclose(step, [0, 0, 4 / math.cos(math.radians(18.5))], atol=1e-12)
    np.testing.assert_allclose(grid.down, [0, 0.9483237, -0.3173047], atol=1e-7)
    assert grid.tilt_degrees == pytest.approx(18.5)
    assert axial((0.0,), tilt_degrees=-7).tilt_degrees == pytest.approx(-7)


def test_a_quarter_rotation_about_z_swaps_the_axes() -> None:
    grid = axial((0.0,)).rotated(90, about=(0, 0, 2))
    np.testing.assert_allclose(grid.right, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(grid.down, [-1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(grid.slice_normal, [0, 0, 1], atol=1e-12)
    assert grid.tilt_degrees == pytest.approx(0)


def test_an_oblique_series_is_not_a_tilted_one() -> None:
    grid = GRIDS["oblique"]
    assert grid.tilt_degrees == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(grid.advance, grid.slice_normal, atol=1e-12)


def test_missing_and_reversed_slices() -> None:
    grid = axial(evenly(4, 2.0))
    assert list(grid.slice_mm) == [-3, -1, 1, 3]
    assert grid.without([1, 2]).slice_mm == (-3.0, 3.0)
    assert grid.reversed().slice_mm == (3.0, 1.0, -1.0, -3.0)
    assert grid.volume_shape == (4, 256, 256)
