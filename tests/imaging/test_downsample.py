"""The coarse grid and the volume's own voxels: samples, windows and sizes by hand."""

from dataclasses import replace

import numpy as np
import pytest

from pulmo.imaging.downsample import CoarseGrid

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
