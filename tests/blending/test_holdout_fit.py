from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from pulmo.blending.holdout_fit import fit_blend, holdout_half
from pulmo.protocols import BlendParameter

TRUTH = 10.0
BLEND_PARAMETERS = {
    "factor": BlendParameter(1.0, (0.25, 0.5, 1.0, 2.0)),
    "offset": BlendParameter(0.0, (-1.0, 0.0, 1.0)),
}


def number(value: float) -> pd.DataFrame:
    return pd.DataFrame({"value": [value]})


def blend(tables: Sequence[pd.DataFrame], weights: Sequence[float], factor: float, offset: float) -> pd.DataFrame:
    mean = np.average([table["value"][0] for table in tables], weights=weights)
    return number(factor * mean + offset)


def score(table: pd.DataFrame, half: int) -> float:
    return -abs(float(table["value"][0]) - TRUTH - half)


def test_one_file_alone_has_its_knobs_turned() -> None:
    fit = fit_blend([[number(22.0)]] * 2, blend, score, BLEND_PARAMETERS)
    assert fit.weights.tolist() == [1]
    assert fit.parameters == {"factor": 0.5, "offset": -1.0}
    assert fit.first.tolist() == [-12, 0]
    assert fit.second.tolist() == [-11, -1]


def test_weights_and_knobs_together_reach_what_neither_can_alone() -> None:
    fit = fit_blend([[number(24.0), number(16.0)]] * 2, blend, score, BLEND_PARAMETERS)
    assert fit.first[2] == pytest.approx(0, abs=0.02)
    assert fit.parameters["factor"] == 0.5
    assert fit.weights.sum() == pytest.approx(1)


def test_a_partner_that_adds_nothing_gets_no_say() -> None:
    fit = fit_blend([[number(500.0), number(10.0), number(10.0)]] * 2, blend, score, BLEND_PARAMETERS)
    assert fit.weights.tolist() == [0, 1, 0]
    assert fit.parameters == {"factor": 1.0, "offset": 0.0}


def test_a_trap_for_exchanges_still_ends_no_worse_than_the_best_file() -> None:
    def trap(table: pd.DataFrame, half: int) -> float:  # good at the ends only, flat between
        return {0.0: 1.0, 10.0: 2.0}.get(float(table["value"][0]), 0.0)

    halves = [[number(0.0), number(10.0)]] * 2
    fit = fit_blend(halves, lambda tables, weights: blend(tables, weights, 1.0, 0.0), trap, {})
    assert fit.first.tolist() == [1, 2, 2]
    assert fit.weights.tolist() == [0, 1]


def test_halves_are_about_equal_and_always_the_same() -> None:
    halves = [holdout_half(f"patient {number}") for number in range(400)]
    assert 160 < sum(halves) < 240
    assert holdout_half("patient 0") == holdout_half("patient 0")


def test_from_equal_weights_what_no_single_file_leads_to_is_found() -> None:
    def trap(table: pd.DataFrame, half: int) -> float:  # best in the middle, with nothing on the way to it
        return {0.0: 1.0, 10.0: 2.0, 5.0: 3.0}.get(float(table["value"][0]), 0.0)

    halves = [[number(0.0), number(10.0)]] * 2
    fit = fit_blend(halves, lambda tables, weights: blend(tables, weights, 1.0, 0.0), trap, {})
    assert fit.first.tolist() == [1, 2, 3]
    assert fit.weights.tolist() == [0.5, 0.5]


def test_the_half_of_a_patient_is_the_last_bit_of_the_first_byte_of_the_digest() -> None:
    # sha256 of a, b and e begins with ca, 3e and 3f.
    assert [holdout_half(patient) for patient in "abe"] == [0, 0, 1]


def test_no_point_is_scored_twice_on_the_first_half() -> None:
    scored: list[float] = []

    def count(table: pd.DataFrame, half: int) -> float:
        scored.extend([float(table["value"][0])] * (half == 0))
        return score(table, half)

    fit_blend([[number(22.0)]] * 2, blend, count, BLEND_PARAMETERS)
    assert len(scored) == 1 + len(set(scored))  # the file alone once more than the searches, which share their points


def test_a_parameter_that_makes_no_difference_keeps_its_default() -> None:
    fit = fit_blend([[number(22.0)]] * 2, blend, lambda table, half: 0.0, BLEND_PARAMETERS)
    assert fit.parameters == {"factor": 1.0, "offset": 0.0}
