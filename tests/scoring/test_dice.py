import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulmo.errors import ParticipantVisibleError
from pulmo.scoring.dice import check_predictions, dice, dice_from_areas, score
from pulmo.scoring.rle import encode, parse


def table(**cells: str) -> pd.DataFrame:
    return pd.DataFrame({"ImageId": list(cells), "EncodedPixels": list(cells.values())})


def test_dice_by_hand() -> None:
    first = parse(["0 4", "10 10", "-1", "-1", "0 5 5 5"])
    second = parse(["2 4", "10 10", "-1", "3 1", "3 4 5 2"])
    # 2·2/8; equal; both empty; one empty; pixels 0–4 and 10–14 against 3–6 and 12–13: 2·4/16
    assert dice(first, second).tolist() == [0.5, 1, 1, 0, 0.5]


@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 8), st.floats(0, 1))
def test_dice_equals_that_of_decoded_masks(seed: int, rows: int, columns: int, share: float) -> None:
    first, second = np.random.default_rng(seed).random((2, 3, rows, columns)) < share
    expected = [
        2 * (a & b).sum() / (a.sum() + b.sum()) if (a | b).any() else 1.0 for a, b in zip(first, second, strict=True)
    ]
    assert dice(encode(first), encode(second)) == pytest.approx(expected)


def test_rows_of_one_image_are_a_union_not_a_sum() -> None:
    solution = pd.concat([table(a="0 4", b="-1"), table(a="2 4"), table(a="2 4")])
    assert score(solution, table(b="-1", a="0 6"), "ImageId") == 1
    assert score(solution, table(b="-1", a="0 3"), "ImageId") == pytest.approx((1 + 2 * 3 / 9) / 2)


def test_the_frames_are_not_changed() -> None:
    solution, submission = table(a="0 4", b="-1"), table(b="3 1", a="0 4")
    before = solution.copy(), submission.copy()
    score(solution, submission, "ImageId")
    assert solution.equals(before[0])
    assert submission.equals(before[1])


@pytest.mark.parametrize(
    ("submission", "words"),
    [
        (table(a="0 4"), "no row for ImageId 'b'"),
        (table(a="0 4", b="-1", c="-1"), "'c' is an unknown id"),
        (pd.concat([table(a="0 4", b="-1"), table(a="0 4")]), "is repeated"),
        (table(a="0 4", b="1"), "row 3, EncodedPixels: has 1 numbers"),
        (table(a="0 4", b="1048575 2"), "ends at pixel 1048577, an image has 1048576 pixels"),
        (pd.DataFrame({"ImageId": ["a", "b"], "encoded_pixels": "-1"}), "no column 'EncodedPixels'"),
        (pd.DataFrame({"ImageId": ["a", "b"], "EncodedPixels": ["0 4", None]}), "row 3, EncodedPixels"),
    ],
)
def test_faults_of_a_submission_are_named(submission: pd.DataFrame, words: str) -> None:
    with pytest.raises(ParticipantVisibleError, match=words):
        score(table(a="0 4", b="-1"), submission, "ImageId")


def test_an_invalid_solution_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="no row"):
        score(table(), table(), "ImageId")
    with pytest.raises(ValueError, match="encoding 0"):
        score(table(a="7"), table(a="-1"), "ImageId")


def test_another_column_and_another_size_of_image() -> None:
    solution = pd.DataFrame({"id": ["a", "b"], "rle": ["0 2", "-1"]})
    submission = pd.DataFrame({"id": ["b", "a"], "rle": ["-1", "1 2"]})
    assert score(solution, submission, "id", column="rle", pixels=4) == pytest.approx((0.5 + 1) / 2)
    assert not check_predictions(submission, "rle", 4)
    (fault,) = check_predictions(submission, "rle", 2)
    assert fault.where.endswith("row 3, rle")


def test_dice_from_pixel_counts_of_any_shape() -> None:
    shared, first, second = np.array([[0, 1], [0, 3]]), np.array([[0, 1], [1, 4]]), np.array([[0, 0], [0, 4]])
    shared[0, 1] = 0
    assert dice_from_areas(shared, first, second).tolist() == [[1, 0], [0, 0.75]]
