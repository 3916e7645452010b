from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.osic.data import read_visits
from pulmo.competitions.osic.visit_pairs import CLINICAL_COLUMNS, forward_pairs, pair_weights, requested_pairs
from pulmo.scoring.laplace import laplace_log_likelihood

VISITS = pd.DataFrame(
    {
        "patient": ["A", "A", "A", "B", "B"],
        "visit": [0, 1, 2, 0, 1],
        "week": [-4, -4, 6, 0, 52],
        "fvc_ml": [2000.0, 2100.0, 1900.0, 3000.0, 2900.0],
        "percent": [50.0, 52.5, 47.5, 100.0, 99.0],
        "age_years": [70.0, 70.0, 70.0, 60.0, 60.0],
        "sex": ["Male", "Male", "Male", "Female", "Female"],
        "smoking": ["Ex-smoker", "Ex-smoker", "Ex-smoker", "Currently smokes", "Currently smokes"],
    }
)


def test_every_visit_is_paired_with_every_later_one() -> None:
    pairs = forward_pairs(VISITS)
    columns = ["patient", "visit_from", "visit_to", "gap_weeks", "fvc_from_ml", "percent_from", "change_ml"]
    assert pairs[columns].to_numpy().tolist() == [
        ["A", 0, 1, 0, 2000, 50, 100],
        ["A", 0, 2, 10, 2000, 50, -100],
        ["A", 1, 2, 10, 2100, 52.5, -200],
        ["B", 0, 1, 52, 3000, 100, -100],
    ]
    assert pairs["typical_fvc_ml"].tolist() == [4000, 4000, 4000, 3000]
    assert pairs[["male", "ex_smoker", "current_smoker"]].to_numpy().tolist() == [[1, 1, 0]] * 3 + [[0, 0, 1]]
    assert pairs["is_baseline_pair"].tolist() == [True, True, False, True]


def test_the_last_three_visits_are_marked() -> None:
    five = pd.concat([VISITS.head(1)] * 5, ignore_index=True).assign(visit=np.arange(5), week=np.arange(5))
    pairs = forward_pairs(five).query("is_baseline_pair")
    assert pairs["is_last_three"].tolist() == [False, True, True, True]


def test_a_later_percent_changes_nothing() -> None:
    # A later Percent gives that visit's FVC away.
    told = VISITS.assign(percent=np.where(VISITS["visit"] > 0, 1.0, VISITS["percent"]))
    pd.testing.assert_frame_equal(forward_pairs(told), forward_pairs(VISITS))


def test_what_is_asked_is_described_as_a_pair_from_the_baseline() -> None:
    requested = pd.DataFrame({"patient": ["B", "A", "A"], "week": [52, -12, 6]})
    pairs = requested_pairs(VISITS, requested)
    assert pairs["patient"].tolist() == ["B", "A", "A"]
    assert pairs[["week_to", "gap_weeks"]].to_numpy().tolist() == [[52, 52], [-12, -8], [6, 10]]
    trained = forward_pairs(VISITS).query("is_baseline_pair").iloc[[2, 1]]
    columns = list(CLINICAL_COLUMNS)
    assert pairs.iloc[[0, 2]][columns].to_numpy().tolist() == trained[columns].to_numpy().tolist()


def test_patients_count_alike_and_far_pairs_less() -> None:
    pairs = forward_pairs(VISITS)
    # A's three pairs share what B's one has; spreads are 200, 220, 220 and 304 ml.
    assert pair_weights(pairs) == pytest.approx([1 / 600, 1 / 660, 1 / 660, 1 / 304])


def test_first_fvc_carried_forward_scores_as_computed_elsewhere(osic_data: Path) -> None:
    pairs = forward_pairs(read_visits(osic_data / "train.csv")).query("is_baseline_pair and is_last_three")
    fvc_true_ml = pairs["fvc_from_ml"] + pairs["change_ml"]
    score = laplace_log_likelihood(fvc_true_ml.to_numpy(), pairs["fvc_from_ml"].to_numpy(), np.array(225.0)).mean()
    assert len(pairs) == 420
    assert score == pytest.approx(-7.320554, abs=5e-7)
