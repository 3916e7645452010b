"""Left and right on a grid of 3 mm, x from the patient's right to left."""

import numpy as np
import pytest

from pulmo.imaging.left_right import LEFT, RIGHT, _two_cores, labelled_window, left_and_right

SHAPE = (12, 20, 40)
SPACING_MM = (3.0, 3.0, 3.0)


def block(*columns: tuple[int, int], rows: tuple[int, int] = (4, 16)) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    for first, end in columns:
        mask[2:10, rows[0] : rows[1], first:end] = True
    return mask


def sides_of(mask: np.ndarray) -> list[int]:
    return [int(side) for side in (left_and_right(mask, SPACING_MM, 20.0) * mask)[5, 10]]


def test_joined_by_a_thin_bridge() -> None:
    mask = block((4, 16), (24, 36)) | block((16, 24), rows=(10, 11))
    # The bridge's middle lies between columns 19 and 20.
    assert sides_of(mask) == [0] * 4 + [RIGHT] * 16 + [LEFT] * 16 + [0] * 4


def test_inseparable_lungs_are_divided_at_the_midline() -> None:
    assert sides_of(block((4, 36))) == [0] * 4 + [RIGHT] * 16 + [LEFT] * 16 + [0] * 4


@pytest.mark.parametrize(("columns", "side"), [((4, 22), RIGHT), ((17, 36), LEFT)])
def test_one_lung_that_crosses_the_midline(columns: tuple[int, int], side: int) -> None:
    first, end = columns
    assert sides_of(block(columns)) == [0] * first + [side] * (end - first) + [0] * (40 - end)


@pytest.mark.parametrize(("voxels", "separate"), [(14, False), (15, True)])
def test_a_second_lung_has_15_percent_of_the_first(voxels: int, separate: bool) -> None:
    """Erosion by 3 mm leaves 10 × 10 of 12 × 12 voxels, and the inner ones of the middle row of three."""
    part = np.zeros((1, 20, 40), bool)
    part[0, 2:14, 2:14] = True
    part[0, 6:9, 20 : 22 + voxels] = True
    seeds = _two_cores(part, (3.0, 3.0))
    if not separate:
        assert seeds is None
    else:
        assert seeds is not None
        assert np.bincount(seeds.ravel()).tolist() == [800 - 115, 15, 100]
        assert seeds[0, 7, 5] == RIGHT  # x grows to the patient's left


def test_the_window_of_both_lungs_or_of_one() -> None:
    labels = np.zeros((2, 7, 9), np.uint8)
    labels[0, 1:3, 1:3] = RIGHT
    labels[1, 3:5, 5:8] = LEFT
    assert labelled_window(labels) == (slice(1, 5), slice(1, 8))
    assert labelled_window(labels, LEFT) == (slice(3, 5), slice(5, 8))
    assert labelled_window(labels, RIGHT) == (slice(1, 3), slice(1, 3))
    assert labelled_window(np.zeros_like(labels)) == (slice(0), slice(0))
