import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulmo.competitions.rsna.rasterize import boxes_of_masks, paint, scaled, share_inside
from pulmo.scoring.boxes import Boxes


def test_pixels_are_covered_by_area() -> None:
    painted = paint(np.array([[1.0, 0.5, 1.5, 1.0]]), 4)
    assert painted.tolist() == [[0, 128, 64, 0], [0, 128, 64, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_where_boxes_overlap_nothing_counts_twice() -> None:
    assert paint(np.array([[0.0, 0, 2, 2], [1, 1, 2, 2]]), 3).tolist() == [
        [255, 255, 0],
        [255, 255, 255],
        [0, 255, 255],
    ]


side = st.integers(2, 12)


@given(st.integers(0, 19), st.integers(0, 19), side, side)
def test_a_box_painted_is_outlined_again(x: int, y: int, width: int, height: int) -> None:
    box = np.array([[x, y, width, height]], np.float64)
    found = boxes_of_masks(paint(box, 32)[None], [128])
    assert found.boxes.xywh.tolist() == box.tolist()
    assert found.boxes.confidence.tolist() == [1]
    assert found.mask_threshold.tolist() == [128]


def test_each_cut_has_its_own_boxes_of_masks() -> None:
    picture = np.zeros((2, 16, 16), np.uint8)
    picture[1, 2:6, 3:13] = 100
    picture[1, 2:6, 3:5] = picture[1, 2:6, 11:13] = 200
    found = boxes_of_masks(picture, [50, 150, 250])
    assert found.boxes.image.tolist() == [1, 1, 1]
    assert found.mask_threshold.tolist() == [50, 150, 150]
    assert found.boxes.xywh.tolist() == [[3, 2, 10, 4], [3, 2, 2, 4], [11, 2, 2, 4]]
    assert found.boxes.confidence * 255 == pytest.approx([140, 200, 200])


def test_nothing_gives_no_outline() -> None:
    assert boxes_of_masks(np.zeros((3, 8, 8), np.uint8), [1]).boxes.xywh.shape == (0, 4)
    assert boxes_of_masks(np.zeros((0, 8, 8), np.uint8), [1]).boxes.xywh.shape == (0, 4)


def test_the_share_of_a_box_that_is_lung() -> None:
    masks = np.zeros((2, 10, 10), np.uint8)
    masks[1, :, 5:] = 255
    boxes = Boxes(np.array([0, 1, 1]), np.array([[0.0, 0, 10, 10], [0, 0, 10, 10], [4, 0, 4, 3]]), np.ones(3))
    assert share_inside(boxes, masks) == pytest.approx([0, 0.5, 0.75])


def test_scaling_has_a_factor_a_side() -> None:
    assert scaled(np.array([[1.0, 2, 3, 4]]), np.array([[2.0, 10.0]])).tolist() == [[2, 20, 6, 40]]
