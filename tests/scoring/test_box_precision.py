import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulmo.errors import ParticipantVisibleError
from pulmo.scoring.box_precision import (
    THRESHOLDS,
    box_precision,
    mean_precision,
    overlaps,
    precision_by_threshold,
    score,
)
from pulmo.scoring.boxes import Boxes, format_boxes, parse_boxes

Box = tuple[float, float, float, float]

SOLUTION = pd.DataFrame(
    {
        "patientId": ["a", "a", "b", "c"],
        "x": [0, 200, math.nan, math.nan],
        "y": [0, 200, math.nan, math.nan],
        "width": [100, 100, math.nan, math.nan],
        "height": [100, 100, math.nan, math.nan],
        "Target": [1, 1, 0, 0],
    }
)


def slow_score(true: list[Box], predicted: list[tuple[float, Box]]) -> float | None:
    """One image by the definition, in integers: coordinates must be integers."""
    if not true:
        return 0.0 if predicted else None
    total = 0.0
    for twentieths in range(8, 16):
        free, hits = list(true), 0
        for _, box in sorted(predicted, key=lambda one: -one[0]):
            best = max(free, key=lambda other: fraction(box, other), default=None)
            if best is not None and 20 * areas(box, best)[0] > twentieths * areas(box, best)[1]:
                free.remove(best)
                hits += 1
        total += hits / (len(true) + len(predicted) - hits)
    return total / 8


def areas(one: Box, other: Box) -> tuple[float, float]:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    return shared, one[2] * one[3] + other[2] * other[3] - shared


def fraction(one: Box, other: Box) -> float:
    shared, union = areas(one, other)
    return shared / union


def boxes_of(images: list[list[tuple[float, Box]]]) -> Boxes:
    rows = [(image, confidence, box) for image, boxes in enumerate(images) for confidence, box in boxes]
    return Boxes(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float64),
    )


# Few places and sizes, so that boxes touch thresholds and each other, and confidences tie.
place, size = st.integers(0, 6).map(float), st.integers(1, 6).map(float)
box = st.tuples(place, place, size, size)
image = st.tuples(st.lists(box, max_size=4), st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), box), max_size=5))


@settings(max_examples=150)
@given(st.lists(image, min_size=1, max_size=60), st.sampled_from([1.0, 0.5, 0.1, 0.007]))
def test_it_agrees_with_a_direct_implementation(images: list, scale: float) -> None:
    truth = boxes_of([[(1.0, box) for box in true] for true, _ in images])
    predicted = boxes_of([predictions for _, predictions in images])
    truth, predicted = (boxes._replace(xywh=boxes.xywh * scale) for boxes in (truth, predicted))
    expected = [slow_score(*one) for one in images]
    found = box_precision(truth, predicted, len(images))
    assert found == pytest.approx([math.nan if value is None else value for value in expected], nan_ok=True, abs=1e-12)


@pytest.mark.parametrize("twentieths", THRESHOLDS)
@pytest.mark.parametrize("scale", [1, 0.1, 7, 0.3])
def test_touching_a_threshold_is_not_enough(twentieths: int, scale: float) -> None:
    truth = Boxes(np.zeros(1, int), np.array([[10, 10, 20, 5]]) * scale, np.ones(1))
    touching = truth._replace(xywh=np.array([[10, 10, twentieths, 5]]) * scale)
    beyond = truth._replace(xywh=np.array([[10, 10, twentieths + 0.01, 5]]) * scale)
    assert box_precision(truth, touching, 1)[0] == (twentieths - 8) / 8
    assert box_precision(truth, beyond, 1)[0] == (twentieths - 7) / 8


def test_values_worked_out_by_hand() -> None:
    truth = Boxes(np.array([0, 0]), np.array([[0, 0, 100, 100], [200.0, 200, 100, 100]]), np.ones(2))
    # The second is right at every threshold; the first overlaps by 0.5: right at 0.40 and 0.45.
    predicted = Boxes(np.array([0, 0]), np.array([[0, 0, 100, 50], [200.0, 200, 100, 100]]), np.array([0.3, 0.9]))
    assert box_precision(truth, predicted, 1)[0] == pytest.approx((2 * 2 / 2 + 6 * 1 / 3) / 8)
    by_threshold = precision_by_threshold(truth, predicted, 3)
    assert by_threshold[:, 0] == pytest.approx([1.0] * 2 + [1 / 3] * 6)
    assert np.isnan(by_threshold[:, 1:]).all()


def test_the_more_confident_box_is_matched_first_and_ties_keep_their_order() -> None:
    truth = Boxes(np.array([0, 0]), np.array([[0, 0, 100, 100], [0.0, 0, 100, 60]]), np.ones(2))
    # The small box would suit both; the large one suits the first only.
    small, large = [0.0, 0, 100, 70], [0.0, 0, 100, 170]

    def found(*confidences: float) -> float:
        predicted = Boxes(np.array([0, 0]), np.array([large, small]), np.array(confidences))
        return float(box_precision(truth, predicted, 1)[0])

    # Large first: 100/170 of the first at 0.40 … 0.55, then small takes the second (6/7) at all.
    assert found(0.9, 0.5) == pytest.approx((4 * 1 + 4 / 3) / 8)
    assert found(0.5, 0.5) == found(0.9, 0.5)
    # Small takes the second in any case, for that is the box it overlaps most.
    assert found(0.5, 0.9) == found(0.9, 0.5)


def test_the_overlap_of_every_pair() -> None:
    first = np.array([[0, 0, 100, 100], [50.0, 0, 100, 100], [500, 500, 10, 10]])
    found = overlaps(first, first[:2])
    np.testing.assert_allclose(found, np.array([[1, 1 / 3], [1 / 3, 1], [0, 0]]))
    assert overlaps(first, np.empty((0, 4))).shape == (3, 0)


def test_images_without_true_boxes() -> None:
    none = Boxes(np.empty(0, int), np.empty((0, 4)), np.empty(0))
    one = Boxes(np.array([1]), np.array([[0.0, 0, 10, 10]]), np.ones(1))
    assert box_precision(none, one, 2) == pytest.approx([math.nan, 0], nan_ok=True)
    assert mean_precision(box_precision(none, one, 2)) == 0
    assert math.isnan(mean_precision(box_precision(none, none, 3)))


def submission(*cells: object) -> pd.DataFrame:
    return pd.DataFrame({"patientId": ["a", "b", "c"], "PredictionString": list(cells)})


def test_scored_as_kaggle_calls_it() -> None:
    solution, mine = SOLUTION.copy(), submission("0.9 0 0 100 100 0.8 200 200 100 100", math.nan, "")
    assert score(solution, mine, "patientId") == 1
    pd.testing.assert_frame_equal(solution, SOLUTION)
    pd.testing.assert_frame_equal(mine, submission("0.9 0 0 100 100 0.8 200 200 100 100", math.nan, ""))
    assert score(SOLUTION, mine.iloc[::-1], "patientId") == 1
    assert score(SOLUTION, submission("0.9 0 0 100 100", "0.5 0 0 9 9", ""), "patientId") == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("0.5 1 2 3", "row 3, PredictionString: 4 numbers are not a multiple of five"),
        ("0.5 1 2 3 x", "row 3, PredictionString: 'x' is not a finite number"),
        ("nan 1 2 3 4", "row 3, PredictionString: 'nan' is not"),
        ("0.5 1 inf 3 4", "row 3, PredictionString: 'inf' is not"),
        ("1.5 1 2 3 4", "row 3, PredictionString: box 1.5 1 2 3 4: the confidence is not between 0 and 1"),
        ("-0.1 1 2 3 4", "row 3, PredictionString: box -0.1 1 2 3 4: the confidence"),
        ("0.5 1 2 0 4", "row 3, PredictionString: box 0.5 1 2 0 4: width and height"),
        ("0.5 1 2 3 -4", "row 3, PredictionString: box 0.5 1 2 3 -4: width and height"),
        ("0.5 1000 2 30 4", "row 3, PredictionString: box 0.5 1000 2 30 4: it exceeds the image"),
        ("0.5 -1 2 30 4", "row 3, PredictionString: box 0.5 -1 2 30 4: it exceeds the image"),
    ],
)
def test_the_participants_mistakes_are_named(cell: str, words: str) -> None:
    with pytest.raises(ParticipantVisibleError) as error:
        score(SOLUTION, submission("", cell, "0.5 1 2 3 4"), "patientId")
    assert words in str(error.value)
    assert len(error.value.faults) == 1


def test_every_mistake_is_named_in_the_order_of_the_rows() -> None:
    with pytest.raises(ParticipantVisibleError) as error:
        score(SOLUTION, submission("2 1 2 3 -4", "1", "0.5 1 2 3 y"), "patientId")
    assert [fault.where.split(", ")[1] for fault in error.value.faults] == ["row 2", "row 2", "row 3", "row 4"]


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (["a", "b", "b"], "row 4, patientId: 'b' is repeated"),
        (["a", "b", "d"], "no row for patientId 'c'"),
        (["a", "b", "d"], "row 4, patientId: 'd' is an unknown id"),
    ],
)
def test_ids_must_match(ids: list[str], words: str) -> None:
    with pytest.raises(ParticipantVisibleError) as error:
        score(SOLUTION, submission("", "", "").assign(patientId=np.array(ids)), "patientId")
    assert words in str(error.value)


def test_no_boxes_at_all_is_an_error() -> None:
    with pytest.raises(ParticipantVisibleError, match="and the solution have no boxes"):
        score(SOLUTION.iloc[2:], submission("", "", "").iloc[1:], "patientId")


def test_an_invalid_solution_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="finite number"):
        score(SOLUTION.assign(x=np.array([0, math.nan, math.nan, math.nan])), submission("", "", ""), "patientId")


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10000), st.tuples(*[st.integers(0, 5000)] * 4))))
def test_boxes_survive_formatting_and_parsing(rows: list) -> None:
    xywh = np.array([row[2] for row in rows], np.float64).reshape(-1, 4) / 10 + [0, 0, 0.1, 0.1]
    boxes = Boxes(np.array([row[0] for row in rows], np.int64), xywh, np.array([row[1] for row in rows]) / 10000)
    table = pd.DataFrame({"PredictionString": format_boxes(boxes, 4)})
    read, faults = parse_boxes(table)
    assert not faults
    order = np.lexsort((-boxes.confidence, boxes.image))
    assert read.image.tolist() == boxes.image[order].tolist()
    assert read.xywh == pytest.approx(boxes.xywh[order], abs=1e-9)
    assert read.confidence == pytest.approx(boxes.confidence[order], abs=1e-9)


@pytest.mark.parametrize("side", ["width", "height"])
def test_a_solution_with_an_empty_box_is_a_value_error(side: str) -> None:
    with pytest.raises(ValueError, match="the solution has an empty box"):
        score(SOLUTION.assign(**{side: np.array([0, 100, math.nan, math.nan])}), submission("", "", ""), "patientId")
    thin = SOLUTION.assign(**{side: np.array([0.5, 100, math.nan, math.nan])})
    assert score(thin, submission("", "", ""), "patientId") == 0


def test_an_image_s_score_at_every_threshold_is_0_where_only_a_prediction_is() -> None:
    truth = Boxes(np.array([2]), np.array([[0.0, 0, 10, 10]]), np.ones(1))
    predicted = Boxes(np.array([1]), np.array([[0.0, 0, 10, 10]]), np.ones(1))
    by_threshold = precision_by_threshold(truth, predicted, 3)
    assert by_threshold.shape == (8, 3)
    assert np.isnan(by_threshold[:, 0]).all()
    assert (by_threshold[:, 1:] == 0).all()


def test_boxes_apart_have_no_overlap_even_diagonally() -> None:
    # Both distances are negative here; their product is not.
    assert overlaps(np.array([[0.0, 0, 10, 10]]), np.array([[50.0, 50, 10, 10]])).tolist() == [[0.0]]
    assert overlaps(np.empty((0, 4)), np.array([[50.0, 50, 10, 10]])).shape == (0, 1)


def test_coordinates_of_more_than_three_decimals_count_as_they_are() -> None:
    truth = Boxes(np.zeros(1, int), np.array([[10.0, 10, 20, 5]]), np.ones(1))
    beyond = truth._replace(xywh=np.array([[10.0, 10, 8.0004, 5]]))  # an IoU of 0.40002, and 0.4 if it were rounded
    assert box_precision(truth, beyond, 1)[0] == 1 / 8
