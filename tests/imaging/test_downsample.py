"""The coarse grid and the volume's own voxels: samples, windows and sizes by hand."""

from dataclasses import replace

import numpy as np
import pytest

from pulmo.imaging.downsample import CoarseGrid, downsample, sample
from pulmo.imaging.hounsfield import PADDING_HU
from pulmo.imaging.volume import Volume

# Blocks of 2 slices, 3 rows and 4 columns of a volume of 3 × 7 × 9 voxels.
GRID = CoarseGrid(
    np.zeros((2, 3, 3), np.int16),
    np.ones((2, 3, 3), bool),
    spacing_mm=(4.0, 3.0, 2.0),
    block=(2, 3, 4),
    axes=(0, 1, 2),
    flips=(False, False, False),
)


def test_a_voxel_of_4_by_3_by_2_mm_is_24_millionths_of_a_litre() -> None:
    assert GRID.voxel_litres == pytest.approx(24e-6)


def test_an_array_is_sampled_in_the_middle_of_each_block() -> None:
    """Slice 1, and the last, whose block ends before; rows 1 and 4, columns 2 and 6."""
    z, y, x = np.ogrid[:3, :7, :9]
    sampled = GRID.sampled(100 * z + 10 * y + x)
    assert sampled.shape == GRID.hu.shape
    assert sampled[0, :2, :2].tolist() == [[112, 116], [142, 146]]
    np.testing.assert_array_equal(sampled[1], sampled[0])  # it has no middle of its own
    np.testing.assert_array_equal(sampled[:, 2], sampled[:, 1])
    np.testing.assert_array_equal(sampled[:, :, 2], sampled[:, :, 1])


def test_a_grid_that_is_turned_is_turned_back() -> None:
    turned = replace(GRID, axes=(1, 0, 2), flips=(True, False, True))
    array = np.arange(24).reshape(2, 3, 4)
    upright = array.transpose(1, 0, 2)[::-1, :, ::-1]
    np.testing.assert_array_equal(turned.as_volume(upright), array)


@pytest.mark.parametrize(
    ("margin_mm", "rows", "columns"),
    [
        (0.0, slice(3, 6), slice(4, 8)),  # one more on either side
        (3.0, slice(2, 7), slice(3, 9)),  # 3 mm are one row and one column and a half
        (100.0, slice(0, 8), slice(0, 12)),
    ],
)
def test_planes_are_cropped_to_what_is_in_them(margin_mm: float, rows: slice, columns: slice) -> None:
    planes = np.zeros((2, 8, 12), np.uint8)
    planes[0, 4, 5] = planes[1, 4, 6] = 1
    cropped, (fine_rows, fine_columns) = GRID.cropped(planes, margin_mm)
    np.testing.assert_array_equal(cropped, planes[:, rows, columns])
    assert fine_rows == slice(3 * rows.start, 3 * rows.stop)
    assert fine_columns == slice(4 * columns.start, 4 * columns.stop)


def test_a_plane_is_magnified_to_the_volumes_pixels() -> None:
    magnified = GRID.magnified(np.array([[1, 2]], np.uint8))
    assert magnified.tolist() == [[1] * 4 + [2] * 4] * 3


UPRIGHT = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])


def volume_of(
    hu: np.ndarray, step_mm: float, pixel_mm: tuple[float, float], directions: np.ndarray = UPRIGHT
) -> Volume:
    shear = np.zeros((len(hu), 2))
    return Volume(hu.astype(np.int16), step_mm * np.arange(len(hu)), pixel_mm, directions, shear, (), "made here")


def test_blocks_of_about_3_mm_and_their_means() -> None:
    """Slices of 1.5 mm by two, rows of 1 mm by three, columns of 2 mm by two (1.5, to even); the last row repeated."""
    z, y, x = np.ogrid[:4, :5, :4]
    grid = downsample(volume_of(600 * z + 30 * y + 4 * x - 900, 1.5, (1.0, 2.0)))
    assert (grid.block, grid.spacing_mm, grid.axes, grid.flips) == ((2, 3, 2), (3, 3, 4), (0, 1, 2), (False,) * 3)
    first = [[-900 + 300 + 30 * y + 4 * x for x in (0.5, 2.5)] for y in (1, (3 + 4 + 4) / 3)]
    np.testing.assert_allclose(grid.hu[0], first, atol=1)
    np.testing.assert_array_equal(grid.hu[1] - grid.hu[0], 1200)
    assert grid.hu.shape == (2, 2, 2)
    assert grid.measured.all()


def test_a_block_has_ten_slices_at_most() -> None:
    """Twelve of 0.25 mm would be 3 mm. The last block has the rest of the slices."""
    grid = downsample(volume_of(np.full((21, 2, 2), -1000), 0.25, (3.0, 3.0)))
    assert (grid.block, grid.hu.shape) == ((10, 1, 1), (3, 2, 2))
    assert (grid.hu == -1000).all()
    assert grid.spacing_mm == (2.5, 3.0, 3.0)


def test_uneven_slices_count_by_their_mean_distance() -> None:
    volume = replace(volume_of(np.zeros((5, 2, 2)), 1.0, (3.0, 3.0)), positions_mm=np.array([0.0, 1, 2, 3, 6]))
    grid = downsample(volume)
    assert (grid.block, grid.spacing_mm) == ((2, 1, 1), (3.0, 3.0, 3.0))


def test_a_block_with_padding_that_reaches_the_border_is_not_measured() -> None:
    hu = np.zeros((2, 8, 8))
    hu[1, 0, 1] = PADDING_HU
    hu[:, 4, 4] = PADDING_HU  # by chance
    grid = downsample(volume_of(hu, 3.0, (1.5, 1.5)))
    expected = np.ones((2, 4, 4), bool)
    expected[1, 0, 0] = False
    np.testing.assert_array_equal(grid.measured, expected)
    hu[0, 2:5, 6:] = hu[1, :2, :5] = PADDING_HU
    expected[0, 1:3, 3] = expected[1, 0, :3] = False
    expected[:, 2, 2] = False  # beside the padding that reaches the right border, and above that
    np.testing.assert_array_equal(downsample(volume_of(hu, 3.0, (1.5, 1.5))).measured, expected)


def test_the_axes_nearest_to_head_back_and_left() -> None:
    """Slices from left to right, rows from foot to head, columns from back to front; a little oblique."""
    directions = np.array([[-1.0, 0, 0.1], [0.1, 0, 1], [0, -1, 0]])
    hu = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    grid = sample(volume_of(hu, 3.0, (4.0, 5.0), directions), 3.0)
    assert (grid.axes, grid.flips) == ((1, 2, 0), (False, True, True))
    assert grid.spacing_mm == (4.0, 5.0, 3.0)
    np.testing.assert_array_equal(grid.hu, hu.transpose(1, 2, 0)[:, ::-1, ::-1])


def test_every_nth_voxel_is_sampled() -> None:
    hu = np.arange(5 * 6 * 7).reshape(5, 6, 7)
    hu[2, 3, 3] = PADDING_HU
    grid = sample(volume_of(hu, 4.0, (2.7, 4.0)), 8.0)
    assert grid.block == (2, 3, 2)
    np.testing.assert_array_equal(grid.hu, hu[::2, ::3, ::2])
    assert np.argwhere(~grid.measured).tolist() == []
    hu[2, 3, 4] = PADDING_HU
    assert np.argwhere(~sample(volume_of(hu, 4.0, (2.7, 4.0)), 8.0).measured).tolist() == [[1, 1, 2]]


def test_a_part_of_the_grid() -> None:
    grid = replace(GRID, hu=np.arange(18).reshape(2, 3, 3), measured=np.arange(18).reshape(2, 3, 3) > 12)
    part = grid.within((slice(1, 2), slice(0, 2), slice(1, 3)))
    assert part.hu.tolist() == [[[10, 11], [13, 14]]]
    assert part.measured.tolist() == [[[False, False], [True, True]]]
