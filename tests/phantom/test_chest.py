"""Phantom bodies: exact volumes, disease, determinism."""

import math
from typing import Literal

import numpy as np
import pytest
from scipy.ndimage import label

from pulmo.phantom.chest import AIR, LUNG, Body, chest, head, plain_lungs
from pulmo.phantom.draw import LEFT, RIGHT, draw, lung_labels
from pulmo.phantom.geometry import Grid, axial, evenly

HALF_WAY = -320


def coarse() -> Grid:
    return axial(evenly(50, 6.0), (128, 128), 3.0)


def threshold_litres(body: Body, grid: Grid) -> float:
    """Litres below `HALF_WAY`, in a body of lungs only."""
    hu = draw(body, grid)
    parts, _ = label(hu < HALF_WAY)
    outside = parts[0, 0, 0]
    spacing = abs(grid.slice_mm[1] - grid.slice_mm[0])
    return float(((parts > 0) & (parts != outside)).sum() * spacing * grid.pixel_mm[0] * grid.pixel_mm[1] / 1e6)


def test_litres_are_those_of_an_ellipsoid() -> None:
    body = plain_lungs(2.0, 2.5)
    assert body.left is not None
    a, b, c = body.left.semi_axes_mm
    assert body.lung_litres_left == pytest.approx(2.0)
    assert 4 / 3 * math.pi * a * b * c == pytest.approx(2.0e6)
    assert body.lung_litres_right == pytest.approx(2.5)
    assert body.lung_litres == pytest.approx(4.5)


@pytest.mark.parametrize(("spacing_mm", "slices"), [(1.0, 280), (5.0, 56), (10.0, 28)])
def test_a_threshold_finds_the_litres(spacing_mm: float, slices: int) -> None:
    body = plain_lungs()
    grid = axial(evenly(slices, spacing_mm), (384, 512), 0.75)
    assert threshold_litres(body, grid) == pytest.approx(body.lung_litres, rel=0.005)


@pytest.mark.parametrize(
    "grid",
    [
        axial(evenly(56, 5.0), (256, 256), 1.5, tilt_degrees=25),
        axial(evenly(70, 5.0), (256, 320), (1.5, 1.3)).rotated(20, about=(1, 1, 0)),
        axial(evenly(56, 5.0), (256, 256), 1.5).reversed(),
    ],
    ids=["tilted", "oblique", "reversed"],
)
def test_litres_do_not_depend_on_how_the_body_is_sliced(grid: Grid) -> None:
    body = plain_lungs()
    labels = lung_labels(body, grid)
    voxel_ml = 5 * grid.pixel_mm[0] * grid.pixel_mm[1] / 1e3
    assert (labels == LEFT).sum() * voxel_ml / 1e3 == pytest.approx(body.lung_litres_left, rel=0.003)
    assert (labels == RIGHT).sum() * voxel_ml / 1e3 == pytest.approx(body.lung_litres_right, rel=0.003)


def test_labels_agree_with_every_voxels_own_coordinates() -> None:
    body, grid = chest(), axial(evenly(9, 30.0), (60, 70), 6.0, tilt_degrees=12).rotated(15, about=(0, 1, 1))
    labels = lung_labels(body, grid)
    assert body.left is not None
    assert body.right is not None
    for index in range(9):
        points = grid.points(index)
        np.testing.assert_array_equal(labels[index] == LEFT, body.left.radius(points) < 1)
        np.testing.assert_array_equal(labels[index] == RIGHT, body.right.radius(points) < 1)
    assert {LEFT, RIGHT} <= set(np.unique(labels))


def test_the_left_lung_is_on_the_patients_left() -> None:
    grid = coarse()
    labels = lung_labels(chest(), grid)
    x = grid.points(25)[..., 0]
    assert x[labels[25] == LEFT].min() > 0
    assert x[labels[25] == RIGHT].max() < 0


def test_nothing_cuts_into_the_lungs() -> None:
    body, grid = chest().on_table(), coarse()
    hu, labels = draw(body, grid), lung_labels(body, grid)
    inside = np.zeros_like(labels, dtype=bool)
    for index in range(len(labels)):
        points = grid.points(index)
        inside[index] = np.any([lung.radius(points) < 0.93 for lung in body.lungs], axis=0)
    assert (labels[inside] > 0).all()
    assert (hu[inside] == LUNG).all()


@pytest.mark.parametrize("airways", ["touching", "apart", "none"])
def test_airways_touch_the_lungs_or_do_not(airways: Literal["touching", "apart", "none"]) -> None:
    grid = axial(evenly(130, 1.0), (200, 300), 1.0, centre_mm=(0, 0, 55))
    hu, labels = draw(chest(airways=airways), grid), lung_labels(chest(), grid)
    parts, _ = label(hu < -500)
    trachea = parts[-20, 99 + 10, 150]
    lungs = {int(np.argmax(np.bincount(parts[labels == side]))) for side in (LEFT, RIGHT)}
    if airways == "none":
        assert trachea == 0
    else:
        assert trachea > 0
        assert (trachea in lungs) == (airways == "touching")


def test_joined_lungs_are_one_component_and_others_two() -> None:
    grid = axial(evenly(160, 1.0), (200, 300), 1.0)
    for body, pieces in ((plain_lungs(), 2), (plain_lungs().joined(), 1)):
        parts, _ = label(draw(body, grid) < HALF_WAY)
        found = np.unique(parts[lung_labels(body, grid) > 0])
        assert len(found[found > 0]) == pieces


def test_air_surrounds_the_body_and_the_table_closes_air_in() -> None:
    grid = coarse()
    without, with_table = draw(chest(), grid), draw(chest().on_table(), grid)
    assert without[25, 0, 0] == AIR
    # A column straight down through body and table: air, shell, air inside, shell, air.
    below = with_table[25, 104:, 64] > -500
    assert np.flatnonzero(np.diff(below.astype(int))).size >= 3
    assert with_table[25, 64, 0] == AIR
    assert (without[25, 106:] == AIR).all()


def test_fibrosis_affects_the_given_fraction_and_the_bases_first() -> None:
    grid = coarse()
    body = chest().fibrotic(0.3)
    hu, labels = draw(body, grid, seed=3), lung_labels(body, grid)
    inside = labels > 0
    ill = inside & (hu > LUNG + 30)
    # Honeycomb's cysts are as thin as healthy lung, so a little less than 0.3 shows.
    assert 0.2 < ill[inside].mean() < 0.33
    assert -720 < hu[ill].mean() < -450
    lower, upper = np.split(np.arange(50), 2)
    assert ill[lower][inside[lower]].mean() > 1.5 * ill[upper][inside[upper]].mean()


def test_more_fibrosis_is_denser() -> None:
    grid = coarse()
    inside = lung_labels(chest(), grid) > 0
    means = [draw(chest().fibrotic(share), grid, seed=1)[inside].mean() for share in (0.0, 0.1, 0.4, 0.8)]
    assert (np.diff(means) > 10).all()


def test_disease_is_the_same_on_another_grid() -> None:
    body = chest().fibrotic(0.4)
    near, far = axial((0.0, 10.0), (100, 100), 3.0), axial((10.0,), (100, 100), 3.0)
    np.testing.assert_array_equal(draw(body, near, seed=5)[1], draw(body, far, seed=5)[0])


def test_the_seed_determines_the_noise() -> None:
    grid = axial(evenly(3, 5.0), (100, 100), 4.0)
    noisy = draw(chest(), grid, seed=1, noise_sd=20.0)
    np.testing.assert_array_equal(noisy, draw(chest(), grid, seed=1, noise_sd=20.0))
    assert (noisy != draw(chest(), grid, seed=2, noise_sd=20.0)).mean() > 0.9
    difference = noisy - draw(chest(), grid, seed=1)
    inside = lung_labels(chest(), grid) > 0
    assert difference[inside].std() == pytest.approx(20, rel=0.05)


def test_vessels_are_a_small_part_inside_the_lungs() -> None:
    grid = coarse()
    body = chest().with_vessels(seed=2)
    changed = draw(body, grid) != draw(chest(), grid)
    labels = lung_labels(body, grid)
    assert 0 < (draw(body, grid)[labels > 0] > HALF_WAY).mean() < 0.05
    assert changed[labels == 0].sum() < 0.02 * changed.sum()


def test_a_head_has_air_but_no_lungs() -> None:
    body, grid = head(), axial(evenly(60, 4.0), (128, 128), 2.0)
    assert body.lung_litres == 0
    hu = draw(body, grid)
    assert not lung_labels(body, grid).any()
    assert (hu == 1000).any()
    _, count = label(hu < -500)
    assert count >= 3  # outside, pharynx and nose, sinuses


def test_lungs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"9\.00 litres does not fit a torso of size 1\.00"):
        plain_lungs(left_litres=9)
    with pytest.raises(ValueError, match="diseased fraction"):
        chest().fibrotic(1.5)
    with pytest.raises(ValueError, match="two lungs"):
        head().joined()
