"""Binary morphology on arrays of a few voxels."""

import numpy as np

from pulmo.imaging.morphology import SQUARE, between, bounding_box, closing, dilation, disk, erosion, opening, widened


def line(text: str) -> np.ndarray:
    """`.##.` → bool (1, 1, columns)."""
    return np.array([character == "#" for character in text])[None, None]


def test_between_fills_from_the_first_to_the_last() -> None:
    for given, filled in (
        ("..#..#.#.", "..######."),
        ("#.......#", "#########"),
        ("....#....", "....#...."),
        (".........", "........."),
    ):
        np.testing.assert_array_equal(between(line(given), 2), line(filled))


def test_between_is_along_one_axis() -> None:
    mask = np.zeros((2, 4, 3), bool)
    mask[0, [0, 3], 1] = True  # a column of plane 0, open in the middle
    mask[1, 2, [0, 2]] = True  # a row of plane 1
    along_rows, along_columns = mask.copy(), mask.copy()
    along_rows[0, :, 1] = True
    along_columns[1, 2, :] = True
    np.testing.assert_array_equal(between(mask, 1), along_rows)
    np.testing.assert_array_equal(between(mask, 2), along_columns)
    np.testing.assert_array_equal(between(mask, 0), mask)


def test_the_bounding_box_ends_behind_the_last_voxel() -> None:
    mask = np.zeros((5, 6, 7), bool)
    mask[1, 2, 3] = mask[3, 4, 6] = True
    assert bounding_box(mask) == (slice(1, 4), slice(2, 5), slice(3, 7))
    assert bounding_box(np.zeros((5, 6, 7), bool)) == (slice(0, 0), slice(0, 0), slice(0, 0))


def test_widened_in_the_planes_and_not_beyond_them() -> None:
    box = (slice(1, 4), slice(2, 5), slice(3, 7))
    assert widened(box, 1, (5, 6, 9)) == (slice(1, 4), slice(1, 6), slice(2, 8))
    assert widened(box, 4, (5, 6, 9)) == (slice(1, 4), slice(0, 6), slice(0, 9))
    assert widened(box, 0, (5, 6, 9)) == box


def test_closing_fills_gaps_narrower_than_the_kernel_also_at_the_edge_of_the_image() -> None:
    for given, closed in (
        ("#.#...##..#", "###...#####"),
        (".#.......", ".#......."),
        ("#.......#", "#.......#"),
        (".........", "........."),
    ):
        # Three equal rows, so that the kernel's height plays no part.
        plane, expected = (np.repeat(line(text)[0].view(np.uint8), 3, axis=0) for text in (given, closed))
        np.testing.assert_array_equal(closing(plane, SQUARE), expected)


def test_a_disk_of_2_mm_by_rows_of_1_mm_and_columns_of_2_mm() -> None:
    assert disk(2.0, (1.0, 2.0)).tolist() == [[0, 1, 0], [0, 1, 0], [1, 1, 1], [0, 1, 0], [0, 1, 0]]
    assert disk(1.4, (1.0, 1.0)).tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    assert disk(0.0, (1.0, 1.0)).tolist() == disk(0.4, (1.0, 1.0)).tolist() == [[1]]


def test_dilation_erosion_and_opening_at_the_edge_of_the_image() -> None:
    """Outside the image erosion sees nothing, and opening the image's edge repeated."""
    for given, dilated, eroded, opened in (
        ("##.......", "###......", ".........", "##......."),
        ("###......", "####.....", ".#.......", "###......"),
        (".##.#####", "#########", ".....###.", "....#####"),
        ("#########", "#########", ".#######.", "#########"),
    ):
        mask = np.repeat(line(given), 5, axis=1)
        for operation, expected in ((dilation, dilated), (erosion, eroded), (opening, opened)):
            np.testing.assert_array_equal(operation(mask, SQUARE)[0, 2], line(expected)[0, 0], err_msg=f"{operation}")
