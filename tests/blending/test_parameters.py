from collections.abc import Mapping

from pulmo.blending.parameters import coordinate_search, defaults_of
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
