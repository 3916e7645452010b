"""The door to Kaggle: its own client, given a time limit and patience, and its refusals in plain words.

Credentials are found where Kaggle's tools look for them: `KAGGLE_API_TOKEN`, `~/.kaggle/access_token`,
`KAGGLE_USERNAME` with `KAGGLE_KEY`, `~/.kaggle/kaggle.json`, and what `kaggle auth login` leaves. They go to Kaggle
and nowhere else: no message repeats what an exception says of a request, for its address may hold a signature.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from kagglesdk import KaggleClient
from kagglesdk.kaggle_creds import KaggleCredentials
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from pulmo.errors import Fault, UserError
from pulmo.pipeline.telling import tell

TIMEOUT_SECONDS = 60.0
TRIES = 5
PAUSE_SECONDS = 1.0  # before the second try; twice as long before each further one, unless Kaggle names a time

# Kaggle has done nothing yet when it answers so. After any other error it may have: a submission is not sent twice.
NOT_YET = (429, 503)
TRANSIENT = (*NOT_YET, 500, 502, 504)

_TOKEN = "Make a token in Kaggle's settings and put it into ~/.kaggle/access_token or KAGGLE_API_TOKEN"


class _AnnouncedRetry(Retry):
    """Says that it waits, and how long."""

    def sleep(self, response: Any = None) -> None:
        seconds = (self.get_retry_after(response) if response is not None else None) or self.get_backoff_time()
        if seconds >= 1:
            tell(f"Kaggle is busy or out of reach: trying again in {seconds:.0f} s …")
        super().sleep(response)


class _Adapter(HTTPAdapter):
    """Gives up a silent connection: Kaggle's client sets no time limit of its own."""

    def send(self, request: Any, stream: bool = False, timeout: Any = None, **options: Any) -> Any:
        return super().send(request, stream=stream, timeout=timeout or TIMEOUT_SECONDS, **options)


@contextmanager
def connected() -> Iterator[Any]:
    """Kaggle's client, signed in.

    Raises:
        UserError: there are no credentials; and, from within the block, whatever Kaggle refuses.
    """
    with KaggleClient(username=os.environ.get("KAGGLE_USERNAME"), password=os.environ.get("KAGGLE_KEY")) as client:
        session = client.http_client()._session  # the only way to its time limit
        session.auth = session.auth or _signed_in_by_browser(client)
        if session.auth is None:
            raise UserError(Fault("Kaggle", "there are no credentials for it", _TOKEN))
        _mount(session, NOT_YET)
        with in_plain_words("Kaggle", session.auth):
            yield client


def _signed_in_by_browser(client: Any) -> Any:
    credentials = KaggleCredentials.load(client)
    if credentials is None:
        return None
    with in_plain_words("Kaggle"):
        return client.http_client().BearerAuth(credentials.get_access_token())


def web_session() -> requests.Session:
    """A session without credentials, for the signed addresses that Kaggle hands out."""
    session = requests.Session()
    _mount(session, TRANSIENT)
    return session


def _mount(session: requests.Session, statuses: tuple[int, ...]) -> None:
    retry = _AnnouncedRetry(
        total=TRIES - 1,
        read=False,  # no second try: whether Kaggle has got the request is not known then
        backoff_factor=PAUSE_SECONDS,
        status_forcelist=statuses,
        allowed_methods=None,
        raise_on_status=False,
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(max_retries=retry))


@contextmanager
def in_plain_words(where: str, auth: Any = None) -> Iterator[None]:
    """Turn what goes wrong on the way into a `UserError`."""
    try:
        yield
    except requests.HTTPError as error:
        raise UserError(_refusal(where, error, auth)) from None
    except requests.Timeout:
        remedy = "Try again later; nothing is lost"
        raise UserError(Fault(where, f"no answer within {TIMEOUT_SECONDS:g} s", remedy)) from None
    except requests.RequestException as error:
        # Its type only: its text holds addresses, and those may be signed.
        what = f"cannot be reached ({type(error).__name__})"
        raise UserError(Fault(where, what, "Check the connection and try again; nothing is lost")) from None


def status_of(error: requests.HTTPError) -> int:
    """The HTTP status that an error tells of; 0 when Kaggle has not answered."""
    return error.response.status_code if error.response is not None else 0


def _refusal(where: str, error: requests.HTTPError, auth: Any) -> Fault:
    status = status_of(error)
    said = _message(error, auth)
    if status == 401:
        return Fault(where, "the credentials are wrong or have expired", _TOKEN)
    if status == 403:
        remedy = "Accept the competition's rules on its page, and check that the token is yours"
        return Fault(where, f"this is not allowed to you{said}", remedy)
    if status == 404:
        return Fault(where, f"there is no such thing{said}", "Check the competition, the owner and the names")
    if status == 429:
        return Fault(where, f"too many requests, after {TRIES} tries{said}", "Try again in an hour; nothing is lost")
    if status >= 500:
        return Fault(where, f"an error of its own (HTTP {status}){said}", "Try again later; nothing is lost")
    return Fault(where, f"the request was refused (HTTP {status}){said}", "Do as it says, then try again")


def _message(error: requests.HTTPError, auth: Any) -> str:
    """What Kaggle itself says, in one line, without any secret."""
    try:
        text = str(error.response.json()["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    for secret in _secrets(auth):
        text = text.replace(secret, "…")
    return f": {' '.join(text.split())[:300]}" if text.strip() else ""


def _secrets(auth: Any) -> list[str]:
    secrets = [auth[1]] if isinstance(auth, tuple) else [getattr(auth, "token", "")]
    return [secret for secret in secrets if secret]
