"""Where the spine is, and what there is to say when lungs leave no room before or behind it."""

from dataclasses import replace

import numpy as np
import pytest

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


def test_the_spine_may_lie_beyond_the_lungs_by_its_width() -> None:
    """13 columns of bone, right behind the last column of the lungs or right before the first."""
    for columns in (slice(10, 34), slice(47, 70)):
        lungs = np.zeros(SHAPE, bool)
        lungs[:, 10:50, columns] = True
        assert spine_position(with_bone(row=40), lungs) == (40, 40)


def blocks(*places: tuple[int, int], hu: int = 161) -> CoarseGrid:
    """Bone of so many voxels, at most 13 a row, from a row on, over the whole height."""
    grid = grid_of(np.full(SHAPE, 40, np.int16))
    for row, voxels in places:
        for n in range(voxels):
            grid.hu[:, row + n // 13, 34 + n % 13] = hu
    return grid


def test_bone_is_denser_than_160() -> None:
    assert spine_position(blocks((30, 60)), lungs_in(slice(10, 50))) is not None
    assert spine_position(blocks((30, 60), hu=160), lungs_in(slice(10, 50))) is None


def test_a_spine_fills_15_percent_of_a_square_of_40_mm() -> None:
    """Of 13 × 13 voxels: 26 are 15.4 %, and 25 are 14.8 %."""
    for voxels, found in ((26, True), (25, False)):
        assert (spine_position(blocks((40, voxels)), lungs_in(slice(10, 50))) is not None) == found
        assert spine_in_front(blocks((12, voxels)), lungs_in(slice(10, 50))) == found


@pytest.mark.parametrize(("voxels", "in_front"), [(44, False), (46, True)])
def test_in_front_is_clearly_more_bone_than_behind(voxels: int, in_front: bool) -> None:
    """One and a half times the 30 voxels behind are 45."""
    assert spine_in_front(blocks((12, voxels), (44, 30)), lungs_in(slice(10, 50))) == in_front


@pytest.mark.parametrize(("voxels", "found"), [(359, True), (360, False)])
def test_slices_with_less_than_15_percent_of_the_largest_area_do_not_count(voxels: int, found: bool) -> None:
    """Two slices without bone, at the shoulders; the others show 40 × 60 voxels of lung."""
    grid, lungs = with_bone(row=40), lungs_in(slice(10, 50))
    grid.hu[10:] = 40
    lungs[10:] = False
    lungs[10:, 10:50].reshape(2, -1)[:, :voxels] = True
    assert (spine_position(grid, lungs) is not None) == found


@pytest.mark.parametrize(("slices", "found"), [(5, False), (6, True)])
def test_six_slices_are_needed(slices: int, found: bool) -> None:
    lungs = lungs_in(slice(10, 50))
    lungs[slices:] = False
    assert (spine_position(with_bone(row=40), lungs) is not None) == found
    assert spine_in_front(with_bone(row=15), lungs) == found


def test_no_lungs_have_no_spine() -> None:
    nothing = np.zeros(SHAPE, bool)
    assert spine_position(with_bone(row=40), nothing) is None
    assert not spine_in_front(with_bone(row=40), nothing)


@pytest.mark.parametrize(("voxels", "found"), [(239, False), (241, True)])
def test_the_square_of_40_mm_on_a_finer_grid(voxels: int, found: bool) -> None:
    """15 % of 40 × 40 voxels of 1 mm are 240."""
    hu = np.full((6, 60, 80), 40, np.int16)
    for n in range(voxels):
        hu[:, 20 + n // 10, 35 + n % 10] = 400
    lungs = np.zeros(hu.shape, bool)
    lungs[:, 5:55, 10:70] = True
    grid = replace(grid_of(hu), spacing_mm=(3.0, 1.0, 1.0))
    assert (spine_position(grid, lungs) is not None) == found
