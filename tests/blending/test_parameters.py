from collections.abc import Mapping

import numpy as np
import pytest

from pulmo.blending.parameters import check_range, coordinate_search, defaults_of, shares_of
from pulmo.errors import CommandLineError, UserError
from pulmo.protocols import BlendParameter

BLEND_PARAMETERS = {"a": BlendParameter(0.0, (0.0, 1.0, 2.0, 3.0)), "b": BlendParameter(5.0, (4.0, 6.0))}


def test_it_ends_where_no_single_knob_helps() -> None:
    def score(at: Mapping[str, float]) -> float:
        return -((at["a"] - 2) ** 2) - (at["b"] - 4 - at["a"]) ** 2 / 2

    assert coordinate_search(score, BLEND_PARAMETERS) == {"a": 2.0, "b": 6.0}


def test_what_makes_no_difference_stays_as_it_is() -> None:
    assert coordinate_search(lambda _: 1.0, BLEND_PARAMETERS) == defaults_of(BLEND_PARAMETERS) == {"a": 0.0, "b": 5.0}


def test_no_point_is_asked_twice() -> None:
    asked: list[tuple[float, ...]] = []

    def score(at: Mapping[str, float]) -> float:
        asked.append(tuple(at.values()))
        return at["a"]

    assert coordinate_search(score, BLEND_PARAMETERS)["a"] == 3.0
    assert len(asked) == len(set(asked))


def test_shares_add_up_to_one() -> None:
    assert shares_of([3, 1, 0]).tolist() == [0.75, 0.25, 0]
    assert shares_of([1e308, 1e308]).tolist() == [0.5, 0.5]  # whose sum overflows


@pytest.mark.parametrize(
    ("weights", "shown"), [([0, 0], "0, 0"), ([1, -0.5], "1, -0.5"), ([1, np.nan], "1, nan"), ([np.inf], "inf")]
)
def test_what_cannot_be_a_weight_is_refused(weights: list[float], shown: str) -> None:
    with pytest.raises(UserError) as refused:
        shares_of(weights)
    assert (
        str(refused.value) == f"weights {shown}: are not weights. Give finite numbers, none negative and not all zero."
    )


def test_both_ends_of_a_range_are_allowed() -> None:
    check_range("iou", 0.0, 0.0, 1.0)
    check_range("iou", 1.0, 0.0, 1.0)
    for value in (-0.01, 1.01, np.nan):
        with pytest.raises(CommandLineError, match=r"is out of range\. Set it from 0 to 1"):
            check_range("iou", value, 0.0, 1.0)
