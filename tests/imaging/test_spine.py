"""Where the spine is, and what there is to say when lungs leave no room before or behind it."""

import numpy as np

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.spine import spine_in_front, spine_position

SHAPE = (12, 60, 80)


def grid_of(hu: np.ndarray) -> CoarseGrid:
    return CoarseGrid(hu, np.ones(hu.shape, bool), (3.0, 3.0, 3.0), (1, 1, 1), (0, 1, 2), (False, False, False))


def with_bone(row: int) -> CoarseGrid:
    """Soft tissue, and 36 mm of bone around a row and column 40, over the whole height."""
    hu = np.full(SHAPE, 40, np.int16)
    hu[:, row - 6 : row + 7, 34:47] = 400
    return grid_of(hu)


def lungs_in(rows: slice) -> np.ndarray:
    lungs = np.zeros(SHAPE, bool)
    lungs[:, rows, 10:70] = True
    return lungs


def test_the_spine_is_the_bone_over_the_whole_height() -> None:
    grid = with_bone(row=40)
    grid.hu[:6, 14:27, 14:27] = 400  # a heart with contrast medium, in half of the height
    found = spine_position(grid, lungs_in(slice(10, 50)))
    assert found is not None
    assert np.abs(np.subtract(found, (40, 40))).max() <= 1
    assert spine_position(grid_of(np.full(SHAPE, 40, np.int16)), lungs_in(slice(10, 50))) is None


def test_in_front_of_the_lungs_or_behind_them() -> None:
    assert spine_in_front(with_bone(row=15), lungs_in(slice(10, 50)))
    assert not spine_in_front(with_bone(row=45), lungs_in(slice(10, 50)))


def test_lungs_in_a_single_row_have_nothing_in_front() -> None:
    assert not spine_in_front(with_bone(row=30), lungs_in(slice(30, 31)))
