"""Which boxes a prediction string may hold, and how boxes are written."""

import numpy as np
import pandas as pd
import pytest

from pulmo.scoring.boxes import Boxes, check_predictions, corners, format_boxes, no_boxes, parse_boxes, sizes


def faults(*cells: str) -> list[str]:
    return list(map(str, check_predictions(pd.DataFrame({"PredictionString": list(cells)}))))


@pytest.mark.parametrize(
    "box",
    [
        "0 0 0 1024 1024",  # certain absence and the whole image: both ends are allowed
        "1 1023 1023 1 1",
        "0.5 0.1 0.1 1023.9 0.001",
        "0.5 -0.0000005 0 1024.0000005 4",  # less than a millionth of a pixel is rounding
    ],
)
def test_the_ends_of_every_range_are_allowed(box: str) -> None:
    assert faults(box) == []


@pytest.mark.parametrize(
    ("box", "what"),
    [
        ("1.001 1 2 3 4", "the confidence is not between 0 and 1"),
        ("-0.001 1 2 3 4", "the confidence is not between 0 and 1"),
        ("0.5 1 2 0 4", "width and height are not both positive"),
        ("0.5 1 2 3 -0.1", "width and height are not both positive"),
        ("0.5 1020 2 4.01 4", "it exceeds the image of 1024 × 1024 pixels"),
        ("0.5 1 1020 3 4.01", "it exceeds the image of 1024 × 1024 pixels"),
        ("0.5 -0.01 2 3 4", "it exceeds the image of 1024 × 1024 pixels"),
        ("0.5 1 -0.01 3 4", "it exceeds the image of 1024 × 1024 pixels"),
        ("0.5 2000 1 0 4", "width and height are not both positive"),  # of an empty box, where it is does not matter
    ],
)
def test_beyond_them_one_fault_is_named(box: str, what: str) -> None:
    (fault,) = faults("", box)
    assert fault.startswith(f"submission, row 3, PredictionString: box {box}: {what}. ")


def test_several_faults_of_one_box_and_of_several_rows_come_in_the_order_of_the_rows() -> None:
    found = faults("2 1000 2 30 4", "0.5 1 2 3 4", "1 2", "0.5 1 2 3 x 0.5 1 y 3 4", "3 1 2 3 4")
    assert [fault.split(", ")[1] for fault in found] == ["row 2", "row 2", "row 4", "row 5", "row 5", "row 6"]


def test_valid_boxes_beside_invalid_ones_are_read() -> None:
    table = pd.DataFrame({"PredictionString": ["0.5 1 2 3 4 0.5 1 2 0 4", None, "0.25 5 6 7 8"]})
    boxes, found = parse_boxes(table)
    assert len(found) == 1
    assert boxes.image.tolist() == [0, 2]
    assert boxes.xywh.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert boxes.confidence.tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("0.5 1\u00a02 3 4", "'1\\xa02' contains a no-break space"),
        ("1 2 3 4\t0.5", "'4\\t0.5' contains a tab"),  # a tab separates as well, but not for Kaggle's metric
        ("0.5 1 two 3", "'two' is not a finite number"),
        ("0.5 1,5 2 3", "'1,5' has a decimal comma"),
        ("0.5 1 2 3", "4 numbers are not a multiple of five"),
    ],
)
def test_what_cannot_be_split_into_boxes_says_why(cell: str, what: str) -> None:
    assert faults(cell) == [
        f"submission, row 2, PredictionString: {what}. Write `confidence x y width height` for each box."
    ]


def test_boxes_are_written_by_confidence_with_their_edges_in_tenths() -> None:
    # From 10.04 to 30.08 pixels: edges 10.0 and 30.1, so a width of 20.1, not the 20.0 of 20.04.
    xywh = np.array([[10.04, 5, 20.04, 5], [0, 0, 1024, 1024], [1, 2, 3, 4]])
    boxes = Boxes(np.array([1, 1, 0]), xywh, np.array([0.12346, 1.0, 0.5]))
    assert format_boxes(boxes, 3) == ["0.5000 1 2 3 4", "1.0000 0 0 1024 1024 0.1235 10 5 20.1 5", ""]


def test_corners_and_sizes_are_inverse() -> None:
    xywh = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    assert corners(xywh).tolist() == [[1, 2, 4, 6], [5, 6, 12, 14]]
    assert sizes(corners(xywh)).tolist() == xywh.tolist()


def test_no_boxes_are_none() -> None:
    assert [part.shape for part in no_boxes()] == [(0,), (0, 4), (0,)]
    assert no_boxes().image.dtype == np.int64
