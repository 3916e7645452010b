"""Errors of the network and of Kaggle as sentences; pauses and numbers of tries."""

from typing import Any

import pytest
import requests
import urllib3

from pulmo.errors import Fault, UserError
from pulmo.kaggle import client
from pulmo.kaggle.client import as_user_errors, fault_of, status_of, web_session


def refusal(status: int, body: bytes = b"") -> requests.HTTPError:
    """The error of an answer with that status."""
    response = requests.Response()
    response.status_code, response._content = status, body
    return requests.HTTPError(response=response)


@pytest.mark.parametrize(
    ("status", "what", "remedy"),
    [
        (400, "the request was refused (HTTP 400)", "Correct that"),
        (401, "the credentials are wrong or have expired", "Make a token"),
        (403, "access is denied", "Accept the competition's rules"),
        (404, "not found", "Check the competition, the owner and the names"),
        (429, "too many requests", "Try again in an hour"),
        (499, "the request was refused (HTTP 499)", "Correct that"),
        (500, "server error (HTTP 500)", "Try again later"),
        (503, "server error (HTTP 503)", "Try again later"),
    ],
)
def test_each_refusal_has_its_sentence_and_its_remedy(status: int, what: str, remedy: str) -> None:
    fault = fault_of("Kaggle", refusal(status))
    assert (fault.where, fault.what) == ("Kaggle", what)
    assert fault.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"message": "two\\nlines"}', ": two lines"),
        (b'{"message": " \\n "}', ""),
        (b'{"message": "' + b"x" * 301 + b'"}', ": " + "x" * 300),
        (b'{"error": "another key"}', ""),
        (b"[]", ""),
        (b"no JSON", ""),
    ],
)
def test_kaggles_message_follows_in_one_line(body: bytes, shown: str) -> None:
    assert fault_of("Kaggle", refusal(404, body)).what == f"not found{shown}"


def test_an_unanswered_request_has_no_status() -> None:
    assert status_of(requests.HTTPError()) == 0
    assert status_of(refusal(418)) == 418


def test_a_minute_without_an_answer() -> None:
    what = "no answer within 60 s"
    assert fault_of("Kaggle", requests.Timeout()) == Fault("Kaggle", what, "Try again later; nothing is lost")


@pytest.mark.parametrize("error", [requests.ConnectionError("s3cr3t"), urllib3.exceptions.ProtocolError("s3cr3t")])
def test_a_failed_connection_is_named_by_its_kind_alone(error: Exception) -> None:
    with pytest.raises(UserError) as caught, as_user_errors("sending a.csv"):
        raise error
    assert str(caught.value).startswith(f"sending a.csv: cannot be reached ({type(error).__name__}). Check")


@pytest.mark.parametrize(
    ("seconds", "logged"), [("0", ""), ("1", "trying again in 1 s"), ("90", "trying again in 90 s")]
)
def test_pauses_from_a_second_on_are_logged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seconds: str, logged: str
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", slept.append)
    response = urllib3.HTTPResponse(headers={"Retry-After": seconds})
    client._AnnouncedRetry(backoff_factor=0).sleep(response)
    printed = capsys.readouterr().err
    assert logged in printed if logged else printed == ""
    assert slept == ([float(seconds)] if logged else [])


def test_pauses_double_and_five_tries_are_made() -> None:
    retry: Any = web_session().get_adapter("https://www.kaggle.com").max_retries
    pauses = []
    for _ in range(4):
        assert retry.is_retry("PUT", 503)
        retry = retry.increment("PUT", "/", urllib3.HTTPResponse(status=503))
        pauses.append(retry.get_backoff_time())
    assert pauses == [0, 2, 4, 8]  # urllib3 makes the second try at once
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        retry.increment("PUT", "/", urllib3.HTTPResponse(status=503))


@pytest.mark.parametrize(("status", "tried_again"), [(429, True), (500, True), (502, True), (504, True), (501, False)])
def test_signed_addresses_are_tried_again_after_temporary_answers(status: int, tried_again: bool) -> None:
    retry = web_session().get_adapter("http://anywhere").max_retries
    assert retry.is_retry("GET", status) == tried_again


def test_secrets_leave_an_error_and_its_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where two errors name each other as their cause."""
    monkeypatch.setenv("KAGGLE_KEY", "a-secret-key")
    first, second = refusal(500), ValueError("a-secret-key", 7)
    first.args = ("no secret", ["a-secret-key"])
    first.__cause__, second.__context__ = second, first
    client._scrub(first)
    assert first.args == ("no secret", "['…']")
    assert second.args == ("…", 7)
    assert (first.request, first.response) == (None, None)
