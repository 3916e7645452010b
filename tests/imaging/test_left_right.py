"""Left and right on a grid of 3 mm, x from the patient's right to left."""

import numpy as np
import pytest

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.left_right import LEFT, RIGHT, left_and_right

SHAPE = (12, 20, 40)
EMPTY = np.zeros(SHAPE, np.int16)
GRID = CoarseGrid(EMPTY, EMPTY == 0, (3.0, 3.0, 3.0), (1, 1, 1), (0, 1, 2), (False, False, False))


def block(*columns: tuple[int, int], rows: tuple[int, int] = (4, 16)) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    for first, end in columns:
        mask[2:10, rows[0] : rows[1], first:end] = True
    return mask


def sides_of(mask: np.ndarray) -> list[int]:
    sides = left_and_right(GRID, mask, 20.0)
    assert ((sides > 0) == mask).all()
    return [int(side) for side in sides[5, 10]]


def test_separate_lungs() -> None:
    assert sides_of(block((4, 16), (24, 36))) == [0] * 4 + [RIGHT] * 12 + [0] * 8 + [LEFT] * 12 + [0] * 4


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


def test_no_lungs() -> None:
    assert not left_and_right(GRID, np.zeros(SHAPE, bool), 20.0).any()
