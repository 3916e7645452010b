"""Coarse lungs refined to the scan's pixels: what is beside them, gaps and holes, on drawn planes."""

import numpy as np
import pytest

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import SegmentationParameters
from pulmo.imaging.refine_mask import refine_mask
from pulmo.imaging.volume import Volume


def refined(
    hu: np.ndarray,
    lungs: np.ndarray,
    *,
    closing_mm: float = 0.0,
    other_air: np.ndarray | None = None,
    fill: bool = False,
    rows_a_block: int = 1,
) -> np.ndarray:
    """Labels of a plane of pixels of 2 mm, or rows of less; the coarse voxels are of 2 mm."""
    grid = CoarseGrid(
        np.zeros((1, *lungs.shape), np.int16),
        np.ones((1, *lungs.shape), bool),
        (2.0, 2.0, 2.0),
        (1, rows_a_block, 1),
        (0, 1, 2),
        (False, False, False),
    )
    volume = Volume(
        hu.astype(np.int16)[None], np.zeros(1), (2.0 / rows_a_block, 2.0), np.eye(3), np.zeros((1, 2)), (), ""
    )
    other = np.zeros(lungs.shape, bool) if other_air is None else other_air
    parameters = SegmentationParameters(threshold_hu=-350, closing_mm=closing_mm)
    (labels,) = refine_mask(volume, grid, lungs.astype(np.uint8)[None], other[None], parameters, fill)
    return np.asarray(labels)


@pytest.mark.parametrize(
    ("closing_mm", "widths"),
    [(0.0, [0, 3, 3, 3, 0]), (2.0, [3, 5, 5, 5, 3])],  # within 3 mm and within 5 mm, which are 1.5 and 2.5 pixels
)
def test_air_beside_a_coarse_lung_belongs_to_it(closing_mm: float, widths: list[int]) -> None:
    lungs = np.zeros((11, 13), int)
    lungs[5, 6] = LEFT
    labels = refined(np.full((11, 13), -850), lungs, closing_mm=closing_mm)
    assert np.count_nonzero(labels, axis=1).tolist() == [0, 0, 0, *widths, 0, 0, 0]
    assert set(labels[labels > 0]) == {LEFT}
    other = np.zeros(lungs.shape, bool)
    other[5, 7] = True
    without = refined(np.full((11, 13), -850), lungs, closing_mm=closing_mm, other_air=other)
    assert np.argwhere(labels != without).tolist() == [[5, 7]]


def test_lung_is_below_the_threshold_and_no_padding() -> None:
    hu = np.array([[-350, -351, -2048, -2047, 40]])
    assert refined(hu, np.full((1, 5), RIGHT)).tolist() == [[0, RIGHT, 0, RIGHT, 0]]


def test_no_lung_has_no_voxels() -> None:
    assert not refined(np.full((4, 4), -850), np.zeros((4, 4), int), fill=True).any()


def plane_with(gap: tuple[slice, slice], shape: tuple[int, int] = (40, 60)) -> np.ndarray:
    """Lung in tissue, 5 pixels from the edges, with a gap of tissue."""
    hu = np.full(shape, 40)
    hu[5:-5, 5:-5] = -850
    hu[gap] = 40
    return hu


@pytest.mark.parametrize(("width", "closes"), [(4, True), (5, False)])
@pytest.mark.parametrize("rows_a_block", [1, 4])
def test_gaps_of_less_than_10_mm_are_closed(width: int, closes: bool, rows_a_block: int) -> None:
    """A slit from the front to the back; pixels are 2 mm wide, and 2 or 0.5 mm high."""
    hu = plane_with((slice(None), slice(30, 30 + width)), (40 * rows_a_block, 60))
    lungs = np.zeros((40, 60), int)
    lungs[5:-5, 5:-5] = LEFT
    middle = 20 * rows_a_block
    labels = refined(hu, lungs, fill=True, rows_a_block=rows_a_block)
    assert (labels[middle, 30 : 30 + width] == (LEFT if closes else 0)).all()
    assert not refined(hu, lungs, rows_a_block=rows_a_block)[middle, 30 : 30 + width].any()


@pytest.mark.parametrize(("side", "closes"), [(13, True), (15, False)])
def test_holes_of_up_to_800_mm2_are_filled(side: int, closes: bool) -> None:
    """Through the pixels around a square of 13, 14 pixels and the corners less: 776 mm²; around 15 they are 1000."""
    hu = plane_with((slice(12, 12 + side), slice(20, 20 + side)))
    lungs = np.zeros((40, 60), int)
    lungs[5:-5, 5:-5] = RIGHT
    labels = refined(hu, lungs, fill=True)
    assert labels[12 + side // 2, 20 + side // 2] == (RIGHT if closes else 0)
    assert (labels[5:-5, 5:12] == RIGHT).all()
    assert not labels[:5].any()


def test_a_gap_between_the_two_lungs_stays() -> None:
    hu = plane_with((slice(None), slice(28, 30)))
    lungs = np.zeros((40, 60), int)
    lungs[5:-5, 5:28], lungs[5:-5, 30:-5] = RIGHT, LEFT
    labels = refined(hu, lungs, fill=True)
    assert not labels[:, 28:30].any()
    assert set(labels[20, 5:28]) == {RIGHT}
    assert set(labels[20, 30:-5]) == {LEFT}
