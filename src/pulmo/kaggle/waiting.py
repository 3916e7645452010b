"""Polling until Kaggle has finished a task."""

import time
from collections.abc import Callable
from typing import TypeVar

import requests

from pulmo.kaggle.client import TRANSIENT, status_of
from pulmo.pipeline.progress import bar

T = TypeVar("T")

POLL_SECONDS = 10.0
MAX_FAILURES = 6  # consecutive errors of Kaggle's servers


def wait_for(title: str, poll: Callable[[], T | None]) -> T:
    """Call `poll` at intervals until it returns a result, through temporary errors; `title` labels the clock.

    Raises:
        requests.RequestException: an error that is not temporary, or too many in a row.
    """
    failures = 0
    with bar() as display:
        display.add_task(title, total=None)
        while True:
            try:
                result = poll()
                failures = 0
            except requests.RequestException as error:
                failures += 1
                if failures > MAX_FAILURES or not _is_temporary(error):
                    raise
                result = None
            if result is not None:
                return result
            time.sleep(POLL_SECONDS)


def _is_temporary(error: requests.RequestException) -> bool:
    return not isinstance(error, requests.HTTPError) or status_of(error) in TRANSIENT
