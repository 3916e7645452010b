"""The thirds of a chest, and what is compared between them."""

import numpy as np

from pulmo.imaging.orientation import _more_tissue_above, _thirds


def air_with(*areas: int) -> np.ndarray:
    """Planes of ten by ten with so many voxels of air."""
    return np.array([np.arange(100) < area for area in areas]).reshape(-1, 10, 10)


def test_thirds_of_nine_planes() -> None:
    assert _thirds(air_with(0, *[50] * 9, 0)) == (slice(1, 4), slice(7, 10))


def test_planes_with_less_than_15_percent_of_the_most_air_are_not_lung() -> None:
    assert _thirds(air_with(14, 15, *[100] * 4, 15, 14)) == (slice(1, 3), slice(5, 7))


def test_two_planes_are_a_third_each_and_no_air_has_none() -> None:
    assert _thirds(air_with(1, 1)) == (slice(0, 1), slice(1, 2))
    assert _thirds(air_with(0, 0)) == (slice(0), slice(0))


def test_tissue_between_air_is_compared_by_the_air() -> None:
    """Below 2 voxels of tissue to 6 of air, a third; above 4 to 8, a half, which is just one and a half times that."""
    air = np.zeros((3, 1, 12), bool)
    air[:, 0, [0, 1, 2, 5, 6, 7]] = True
    air[2] = False
    air[2, 0, [0, 1, 2, 3, 8, 9, 10, 11]] = True
    assert not _more_tissue_above(air, ~air)
    air[2, 0, 11] = False  # 4 to 7, and what is beyond the air does not count
    assert _more_tissue_above(air, ~air)
