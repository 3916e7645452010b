import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulmo.errors import ParticipantVisibleError
from pulmo.scoring.laplace import laplace_log_likelihood, score

SOLUTION = pd.DataFrame({"Patient_Week": ["a_1", "a_2"], "FVC": [2000, 3000]})


def submission(**changes: object) -> pd.DataFrame:
    columns = {"Patient_Week": ["a_2", "a_1", "b_-3"], "FVC": [2900.0, 2070.0, 1.0], "Confidence": [100.0, 50.0, 1.0]}
    return pd.DataFrame({**columns, **changes})


@pytest.mark.parametrize(
    ("error", "confidence", "expected"),
    [
        (0, 70, -math.log(70 * math.sqrt(2))),  # the best there is
        (0, 1, -4.595069),  # σ counts as 70
        (100, 100, -math.sqrt(2) - math.log(100 * math.sqrt(2))),
        (5000, 200, -math.sqrt(2) * 5 - math.log(200 * math.sqrt(2))),  # Δ counts as 1000
    ],
)
def test_values_worked_out_by_hand(error: float, confidence: float, expected: float) -> None:
    truth, prediction, sigma = np.array([2500.0]), np.array([2500.0 - error]), np.array([confidence])
    assert laplace_log_likelihood(truth, prediction, sigma)[0] == pytest.approx(expected, abs=5e-7)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_no_prediction_beats_the_truth_and_the_error_has_no_sign(truth: float, error: float, sigma: float) -> None:
    likelihood = laplace_log_likelihood(np.full(3, truth), truth + np.array([0, error, -error]), np.full(3, sigma))
    assert likelihood[0] >= likelihood[1]
    assert likelihood[1] == pytest.approx(likelihood[2])
    assert likelihood[0] <= -4.595068


def test_rows_are_matched_by_id_and_more_of_them_may_be_submitted() -> None:
    first = -math.sqrt(2) * 70 / 70 - math.log(70 * math.sqrt(2))
    second = -math.sqrt(2) * 100 / 100 - math.log(100 * math.sqrt(2))
    assert score(SOLUTION, submission(), "Patient_Week") == pytest.approx((first + second) / 2)


def test_the_frames_are_not_changed() -> None:
    solution, mine = SOLUTION.copy(), submission()
    score(solution, mine, "Patient_Week")
    pd.testing.assert_frame_equal(solution, SOLUTION)
    pd.testing.assert_frame_equal(mine, submission())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"FVC": [2900, math.nan, 1]}, "row 3, FVC: 'nan' is not a finite number"),
        ({"FVC": [2900, "many", 1]}, "row 3, FVC: 'many'"),
        ({"Confidence": [100, 50, math.inf]}, "row 4, Confidence: 'inf'"),
        ({"Confidence": [100, 0, 1]}, "row 3, Confidence: 0 is not positive"),
        ({"Confidence": [-5, 50, 1]}, "row 2, Confidence: -5 is not positive"),
        ({"Patient_Week": ["a_2", "a_1", "a_1"]}, "row 4, Patient_Week: 'a_1' is repeated"),
        ({"Patient_Week": ["a_2", "a_3", "a_4"]}, "no row for Patient_Week 'a_1'"),
    ],
)
def test_the_participants_mistakes_are_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ParticipantVisibleError) as error:
        score(SOLUTION, submission(**changes), "Patient_Week")
    assert words in str(error.value)


def test_every_mistake_is_named_at_once() -> None:
    wrong = submission(FVC=["x", "y", "z"], Confidence=[0, -1, 1])
    with pytest.raises(ParticipantVisibleError) as error:
        score(SOLUTION, wrong, "Patient_Week")
    assert len(error.value.faults) == 5


def test_a_missing_column_is_the_participants_mistake() -> None:
    with pytest.raises(ParticipantVisibleError, match="no column 'Confidence'"):
        score(SOLUTION, submission().drop(columns="Confidence"), "Patient_Week")


def test_an_invalid_solution_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="finite number"):
        score(SOLUTION.assign(FVC=math.nan), submission(), "Patient_Week")
    with pytest.raises(ValueError, match="no row"):
        score(SOLUTION.iloc[:0], submission(), "Patient_Week")
