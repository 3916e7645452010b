"""The litres' uncertainty by the distances between slices, computed by hand."""

import numpy as np
import pytest

from pulmo.imaging.mask_defects import largest_step, sampling_litres
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
