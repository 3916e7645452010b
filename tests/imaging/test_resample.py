"""Resampling to cubes, computed by hand on volumes of a few voxels."""

import numpy as np
import pytest

from pulmo.imaging.resample import resample
from pulmo.imaging.volume import Volume


def volume_of(
    hu: np.ndarray,
    positions_mm: list[float],
    pixel_mm: tuple[float, float] = (1.0, 1.0),
    shear_mm: list[list[float]] | None = None,
) -> Volume:
    shear = np.array(shear_mm) if shear_mm else np.zeros((len(hu), 2))
    return Volume(hu.astype(np.int16), np.array(positions_mm), pixel_mm, np.eye(3), shear, (), "made here")


def constant(*values: int) -> np.ndarray:
    """A plane of 4 × 6 pixels for each value."""
    return np.broadcast_to(np.array(values)[:, None, None], (len(values), 4, 6))


def test_slices_are_interpolated_between_their_true_positions() -> None:
    """At 2, 3, 5 and 6 mm; a gap of one slice."""
    found = resample(volume_of(constant(0, 100, 300, 340), [2, 3, 5, 6]))
    assert found.hu[:, 2, 3].tolist() == [0, 100, 200, 300, 340]
    assert (found.hu.shape, found.hu.dtype, found.spacing_mm) == ((5, 4, 6), np.int16, (1, 1, 1))
    halves = resample(volume_of(constant(0, 100, 300, 340), [2, 3, 5, 6]), 0.5)
    assert halves.hu[:, 4, 6].tolist() == [0, 50, 100, 150, 200, 250, 300, 320, 340]
    assert halves.hu.shape == (9, 8, 12)


def test_the_spacing_is_what_rounding_leaves() -> None:
    """4 mm of slices in two steps of 1.6 mm, 4 × 1 mm in 2 (2.5, to even) and 6 × 0.9 mm in 3 (3.4)."""
    found = resample(volume_of(constant(0, 10), [0, 4], (1.0, 0.9)), 1.6)
    assert found.hu.shape == (3, 2, 3)
    assert found.spacing_mm == pytest.approx((2, 2, 1.8))
    tiny = resample(volume_of(constant(7, 7), [0, 4]), 100.0)
    assert (tiny.hu.tolist(), tiny.spacing_mm) == ([[[7]], [[7]]], (4, 4, 6))


def test_pixels_are_averaged_from_half_their_number_on() -> None:
    plane = np.array([[0, 10, 20, 30, 40, 50], [4, 14, 24, 34, 44, 54]] * 2)
    halved = resample(volume_of(np.stack([plane, plane]), [0, 2]), 2.0).hu
    assert halved[0].tolist() == [[7, 27, 47], [7, 27, 47]]
    # A quarter of the rows alone, and then a third of the columns: each mean is over all of their pixels.
    plane[0] += 40
    rows = resample(volume_of(np.stack([plane, plane]), [0, 4], (1.0, 4.0)), 4.0).hu
    assert rows[0].tolist() == [[12, 22, 32, 42, 52, 62]]
    columns = resample(volume_of(np.stack([plane, plane]), [0, 3], (3.0, 1.0)), 3.0).hu
    assert columns[0].tolist() == [[50, 80], [14, 44], [10, 40], [14, 44]]


def test_padding_becomes_air() -> None:
    hu = constant(0, 0).copy()
    hu[:, 1, 2] = -2048
    assert resample(volume_of(hu, [0, 1])).hu[0, 1].tolist() == [0, 0, -1024, 0, 0, 0]


def test_a_tilt_is_corrected_about_the_middle() -> None:
    """Slices are shifted by a row of 2 mm and two columns of 1 mm a slice: the middle one stays where it is."""
    hu = np.zeros((3, 4, 6))
    hu[:, 1, 2] = 100
    sheared = volume_of(hu, [0, 2, 4], (2.0, 1.0), [[0.0, 0], [2, 2], [4, 4]])
    found = resample(sheared, 2.0).hu
    places = [np.argwhere(plane == plane.max())[0].tolist() for plane in found]
    assert places == [[0, 0], [1, 1], [2, 2]]
    fine = resample(volume_of(hu, [0, 1, 2], (1.0, 1.0), [[0.0, 0], [1, 2], [2, 4]])).hu
    assert [np.argwhere(plane == 100).tolist() for plane in fine] == [[[0, 0]], [[1, 2]], [[2, 4]]]
    assert (fine[0, 3] == -1024).all()  # where there is nothing
    assert (fine[0, :, 4:] == -1024).all()
    for down, right in ((1.0, 0.0), (0.0, 1.0)):
        alone = resample(volume_of(hu, [0, 1, 2], (1.0, 1.0), [[0.0, 0], [down, right], [2 * down, 2 * right]])).hu
        assert np.argwhere(alone[0] == 100).tolist() == [[1 - down, 2 - right]]
