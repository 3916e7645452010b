"""Shapes in millimetres have the right size in pixels."""

import math

import numpy as np
import pytest

from pulmo.phantom.canvas import Canvas, curve, resampled_path

TURN = np.linspace(0, 2 * np.pi, 200, endpoint=False)
CIRCLE = np.stack([np.cos(TURN), np.sin(TURN)], axis=1)


def canvas(pixels: int = 256) -> Canvas:
    """Two pixels per millimetre at 256."""
    return Canvas(pixels, 128.0)


def test_the_centre_of_the_field_is_the_centre_of_the_image() -> None:
    np.testing.assert_allclose(
        Canvas(101, 50.5, (7.0, -3.0)).to_pixels(np.array([[7.0, -3.0], [8.0, -1.0]])), [[50, 50], [52, 54]]
    )


def test_a_quarter_turn_maps_right_to_down() -> None:
    turned = Canvas(101, 50.5, degrees=90).to_pixels(np.array([5.0, 0.0]))
    np.testing.assert_allclose(turned, [50, 60], atol=1e-9)


def test_points_and_to_pixels_are_inverse() -> None:
    view = Canvas(64, 100.0, (10.0, 20.0), 33.0)
    x, y = view.points_mm
    places = view.to_pixels(np.stack([x, y], axis=-1))
    row, column = np.mgrid[:64, :64]
    np.testing.assert_allclose(places, np.stack([column, row], axis=-1), atol=1e-3)


@pytest.mark.parametrize("pixels", [128, 256, 512])
def test_a_disc_has_its_area_at_any_size(pixels: int) -> None:
    view = canvas(pixels)
    radius_mm = math.sqrt(view.filled(30 * CIRCLE).sum() / math.pi) / view.scale
    assert radius_mm == pytest.approx(30, abs=0.6 / view.scale)


def test_a_widened_canvas_shows_the_same_in_its_middle() -> None:
    view = canvas()
    np.testing.assert_array_equal(
        view.widened(20).filled(30 * CIRCLE + 5)[20:-20, 20:-20], view.filled(30 * CIRCLE + 5)
    )


def test_a_rounded_disc_is_half_a_ball() -> None:
    view = canvas()
    cushion = view.rounded(view.filled(40 * CIRCLE), 40.0, 40.0)
    assert cushion.max() == pytest.approx(40, rel=0.01)
    assert cushion.sum() / view.scale**2 == pytest.approx(2 / 3 * math.pi * 40**3, rel=0.04)
    flat = view.rounded(view.filled(40 * CIRCLE), 25.0, 10.0)
    assert flat[128, 128] == 25
    assert flat[0, 0] == 0


def test_an_ellipsoid_has_its_volume_and_depth() -> None:
    view = Canvas(256, 128.0, degrees=20)
    image = np.zeros((256, 256), np.float32)
    view.add_ellipsoid(image, np.array([10.0, -5.0]), (30, 20, 15))
    assert np.max(image) == pytest.approx(30, rel=0.01)
    assert image.sum() / view.scale**2 == pytest.approx(4 / 3 * math.pi * 30 * 20 * 15, rel=0.01)
    view.add_ellipsoid(image, np.array([10.0, -5.0]), (30, 20, -15))
    assert np.abs(image).max() < 1e-5


def test_an_ellipsoid_beyond_the_edge_is_clipped() -> None:
    view, image = canvas(), np.zeros((256, 256), np.float32)
    view.add_ellipsoid(image, np.array([-64.0, 0.0]), (20, 20, 10))
    assert image.sum() / view.scale**2 == pytest.approx(2 / 3 * math.pi * 20 * 20 * 10, rel=0.01)
    view.add_ellipsoid(image, np.array([-200.0, 0.0]), (20, 20, 10))
    assert np.count_nonzero(image[:, 128:]) == 0


@pytest.mark.parametrize("width_mm", [0.1, 0.25, 0.7, 1.0, 2.0, 2.6, 3.2, 8.0])
def test_a_line_keeps_its_width_however_thin(width_mm: float) -> None:
    view, path = canvas(), np.array([[0.0, -60.0], [0.0, 60.0]])
    layer = view.layer()
    view.stroke(layer, [path], width_mm, 200)
    assert layer[128].sum() / 200 / view.scale == pytest.approx(width_mm, rel=0.1, abs=0.01)


def test_corners_are_smoothed_within_their_hull() -> None:
    square = np.array([(0, 0), (10, 0), (10, 10), (0, 10)], float)
    smooth = curve(square)
    assert len(smooth) == 4 * 2**3
    assert smooth.min() >= 0
    assert smooth.max() <= 10
    path = curve(square, closed=False)
    np.testing.assert_array_equal(path[[0, -1]], square[[0, -1]])


def test_points_along_a_square() -> None:
    square = np.array([(0, 0), (10, 0), (10, 10), (0, 10)], float)
    np.testing.assert_allclose(
        resampled_path(square, 8), [(0, 0), (5, 0), (10, 0), (10, 5), (10, 10), (5, 10), (0, 10), (0, 5)]
    )
