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


@pytest.mark.parametrize(("bridge", "split"), [(6, 20), (7, 22)])
def test_erosion_by_less_than_12_mm_separates(bridge: int, split: int) -> None:
    """9 mm take three rows from either side of the bridge, whose middle is between columns 19 and 20; 12 are too much,
    and the midline divides."""
    mask = block((4, 16), (24, 36), rows=(0, 20)) | block((16, 24), rows=(7, 7 + bridge))
    labels = left_and_right(mask, SPACING_MM, 22.0)
    assert [int(side) for side in labels[5, 10, 4:36]] == [RIGHT] * (split - 4) + [LEFT] * (36 - split)


@pytest.mark.parametrize(("right", "two"), [(3, False), (4, True), (6, True), (7, False)])
def test_an_inseparable_component_is_two_lungs_if_three_tenths_are_on_either_side(right: int, two: bool) -> None:
    """Ten columns, of which so many are right of the midline, at column 20."""
    found = sides_of(block((20 - right, 30 - right)))[20 - right : 30 - right]
    one = LEFT if right < 5 else RIGHT
    assert found == ([RIGHT] * right + [LEFT] * (10 - right) if two else [one] * 10)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_small_lung_beside_a_large_one_is_separate(mirrored: bool) -> None:
    """36 of 301 voxels, 12 %, are beyond the midline: 4 × 4 of them stay after erosion, and 86 of the other lung."""
    part = np.zeros((1, 12, 100), bool)
    part[0, 3:9, 3:9] = part[0, 4:7, 10:98] = part[0, 5, 9] = True
    expected = np.where(np.arange(100) <= 9, RIGHT, LEFT)
    midline = 10.0
    if mirrored:
        part, expected, midline = part[..., ::-1].copy(), (LEFT + RIGHT) - expected[::-1], 90.0
    labels = left_and_right(part, SPACING_MM, midline)
    part[0, 5, [9, 90]] = False  # the bridge is as far from one lung as from the other
    np.testing.assert_array_equal(labels[part], np.broadcast_to(expected, part.shape)[part])


@pytest.mark.parametrize("mirrored", [False, True])
def test_less_than_a_tenth_beyond_the_midline_belongs_to_the_same_lung(mirrored: bool) -> None:
    """36 of 361 voxels. Erosion would leave 4 × 4 of them, 15 % of the 106 on the other side."""
    part = np.zeros((1, 12, 120), bool)
    part[0, 3:9, 3:9] = part[0, 4:7, 10:118] = part[0, 5, 9] = True
    midline = 9.0
    if mirrored:
        part, midline = part[..., ::-1].copy(), 111.0
    assert (left_and_right(part, SPACING_MM, midline)[part] == (RIGHT if mirrored else LEFT)).all()
