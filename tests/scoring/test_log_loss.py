import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulmo.errors import ParticipantVisibleError
from pulmo.scoring import log_loss as metric
from pulmo.scoring.log_loss import log_loss

score = partial(metric.score, column="cancer")

SOLUTION = pd.DataFrame({"id": ["a", "b", "c"], "cancer": [1, 0, 1]})


def submission(**changes: object) -> pd.DataFrame:
    return pd.DataFrame({"id": ["c", "a", "b"], "cancer": [0.25, 0.8, 0.4], **changes})


@pytest.mark.parametrize(
    ("label", "probability", "expected"),
    [
        (1, 0.5, math.log(2)),
        (0, 0.5, math.log(2)),
        (1, 0.25, math.log(4)),
        (0, 0.25, math.log(4 / 3)),
        (1, 0.0, 15 * math.log(10)),  # clipped to 1e-15
        (0, 1.0, -math.log1p(-(1 - 1e-15))),  # which 1 − 1e-15 is not quite, in binary
        (1, 1.0, 1e-15),
    ],
)
def test_values_worked_out_by_hand(label: int, probability: float, expected: float) -> None:
    assert log_loss(np.array([label]), np.array([probability]))[0] == pytest.approx(expected, rel=1e-6, abs=2e-15)


@given(st.integers(0, 1), st.floats(0, 1))
def test_the_classes_are_mirror_images_and_a_half_is_the_safest(label: int, probability: float) -> None:
    mine, mirrored = (
        float(log_loss(np.array(y), np.array(p))) for y, p in ((label, probability), (1 - label, 1 - probability))
    )
    assert mine == pytest.approx(mirrored, rel=1e-3)
    both = mine + float(log_loss(np.array(1 - label), np.array(probability)))
    assert both >= 2 * math.log(2) - 1e-12


def test_rows_are_matched_by_id_and_the_frames_stay_as_they_are() -> None:
    solution, mine = SOLUTION.copy(), submission()
    expected = (math.log(1 / 0.8) + math.log(1 / 0.6) + math.log(4)) / 3
    assert score(solution, mine, "id") == pytest.approx(expected)
    pd.testing.assert_frame_equal(solution, SOLUTION)
    pd.testing.assert_frame_equal(mine, submission())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cancer": [0.1, 1.5, 0.2]}, "row 3, cancer: '1.5' is no probability"),
        ({"cancer": [0.1, -0.1, 0.2]}, "row 3, cancer: '-0.1' is no probability"),
        ({"cancer": [0.1, math.nan, 0.2]}, "row 3, cancer: 'nan' is not a finite number"),
        ({"cancer": ["high", 0.1, 0.2]}, "row 2, cancer: 'high'"),
        ({"id": ["c", "a", "a"]}, "'a' is repeated"),
        ({"id": ["c", "a", "d"]}, "'d' is an unknown id"),
        ({"id": ["c", "a", "d"]}, "has no row for id 'b'"),
    ],
)
def test_each_mistake_of_the_participant_is_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ParticipantVisibleError, match=words.replace("'", ".")):
        score(SOLUTION, submission(**changes), "id")


def test_a_missing_column_is_named_with_what_is_meant() -> None:
    with pytest.raises(ParticipantVisibleError, match=r"has no column 'cancer' \(did you mean 'Cancer'"):
        score(SOLUTION, submission().rename(columns={"cancer": "Cancer"}), "id")


@pytest.mark.parametrize("label", [0.5, 2, math.nan])
def test_an_invalid_solution_is_a_value_error(label: float) -> None:
    with pytest.raises(ValueError, match="cancer"):
        score(SOLUTION.assign(cancer=np.array([1, label, 0])), submission(), "id")
