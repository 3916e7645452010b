"""Waiting for Kaggle to be done with something."""

import time
from collections.abc import Callable
from typing import TypeVar

import requests

from pulmo.kaggle.client import TRANSIENT, status_of
from pulmo.pipeline.progress import bar

T = TypeVar("T")

POLL_SECONDS = 10.0
FAILURES_BORNE = 6  # of Kaggle's servers, in a row


def wait_for(title: str, ask: Callable[[], T | None]) -> T:
    """Ask now and then until there is an answer, and bear with errors that pass; `title` stands beside the clock."""
    failures = 0
    with bar() as display:
        display.add_task(title, total=None)
        while True:
            try:
                answer = ask()
                failures = 0
            except requests.RequestException as error:
                failures += 1
                if failures > FAILURES_BORNE or not _passes(error):
                    raise
                answer = None
            if answer is not None:
                return answer
            time.sleep(POLL_SECONDS)


def _passes(error: requests.RequestException) -> bool:
    return not isinstance(error, requests.HTTPError) or status_of(error) in TRANSIENT
