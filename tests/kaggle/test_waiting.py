"""Polling through temporary errors."""

from collections.abc import Callable

import pytest
import requests

from pulmo.kaggle.waiting import MAX_FAILURES, wait_for
from tests.kaggle.test_client import refusal


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses made, none of which takes time."""
    made: list[float] = []
    monkeypatch.setattr("pulmo.kaggle.waiting.time.sleep", made.append)
    return made


def answers(*given: Exception | int | None) -> Callable[[], int | None]:
    """A poll that gives or raises one after the other."""
    left = list(given)

    def poll() -> int | None:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return poll


def test_the_first_result_ends_it_after_pauses_of_ten_seconds(pauses: list[float]) -> None:
    assert wait_for("waiting", answers(None, None, 0)) == 0
    assert pauses == [10.0, 10.0]


def test_six_failures_in_a_row_are_borne_and_a_seventh_is_not(pauses: list[float]) -> None:
    busy = refusal(503)
    assert wait_for("waiting", answers(*[busy] * 6, 1)) == 1
    with pytest.raises(requests.HTTPError):
        wait_for("waiting", answers(*[busy] * 7, 1))
    assert len(pauses) == 12


def test_an_answer_begins_the_count_anew(pauses: list[float]) -> None:
    busy = requests.ConnectionError()
    assert wait_for("waiting", answers(*[busy] * MAX_FAILURES, None, *[busy] * MAX_FAILURES, 1)) == 1
    assert len(pauses) == 2 * MAX_FAILURES + 1


def test_a_lasting_error_is_raised_at_once(pauses: list[float]) -> None:
    with pytest.raises(requests.HTTPError):
        wait_for("waiting", answers(refusal(404), 1))
    assert pauses == []
