"""Kaggle's own client with timeouts and retries, and its errors as sentences.

Credentials (see `credentials.py`) are sent to Kaggle and nowhere else. No message repeats an exception's text about a
request, since its header contains the token and its address may contain a signature.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests
import urllib3
from kagglesdk import KaggleClient
from kagglesdk.kaggle_creds import KaggleCredentials
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from pulmo.errors import Fault, UserError
from pulmo.kaggle import credentials
from pulmo.kaggle.credentials import hide
from pulmo.pipeline.log import log

TIMEOUT_SECONDS = 60.0
TRIES = 5
PAUSE_SECONDS = 1.0  # before the second try, doubled before each further one, unless Kaggle specifies a time

# With these answers Kaggle has most likely not acted yet; requests that must not be repeated use `without_retries`.
NOT_YET = (429, 503)
TRANSIENT = (*NOT_YET, 500, 502, 504)

_TOKEN = "Make a token in Kaggle's settings and put it into ~/.kaggle/access_token or KAGGLE_API_TOKEN"


class _AnnouncedRetry(Retry):
    """Logs the waiting time before a retry."""

    def sleep(self, response: Any = None) -> None:
        seconds = (self.get_retry_after(response) if response is not None else None) or self.get_backoff_time()
        if seconds >= 1:
            log(f"Kaggle is busy or out of reach: trying again in {seconds:.0f} s …")
        super().sleep(response)


class _Adapter(HTTPAdapter):
    """Sets a timeout, which Kaggle's client lacks."""

    def send(self, request: Any, stream: bool = False, timeout: Any = None, **options: Any) -> Any:
        return super().send(request, stream=stream, timeout=timeout or TIMEOUT_SECONDS, **options)


@contextmanager
def connected() -> Iterator[Any]:
    """Kaggle's client, signed in. No error raised from the block contains a secret.

    Raises:
        UserError: there are no credentials; and, from within the block, any request that Kaggle refuses.
    """
    client = KaggleClient()
    http = client.http_client()
    http._signed_in = True  # otherwise it looks for credentials itself, and shows them in its errors
    with client, _without_secrets():
        session = http._session  # the only access to its timeout
        session.auth = _auth(client)
        _mount(session, NOT_YET)
        with as_user_errors("Kaggle"):
            yield client


def _auth(client: Any) -> Any:
    bearer = client.http_client().BearerAuth
    if token := credentials.token():
        return bearer(token)
    if pair := credentials.user_and_key():
        return pair
    login = credentials.browser_login()
    if login is None:
        raise UserError(Fault("Kaggle", "no credentials found", _TOKEN))
    known = KaggleCredentials(
        client, login.refresh_token, login.access_token, _when(login.expires), login.user, login.scopes
    )
    with as_user_errors("Kaggle"):
        return bearer(known.get_access_token())


def _when(text: str) -> datetime | None:
    """A time with its zone, as Kaggle's client compares it; None, if unknown, makes the client request a new token."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


@contextmanager
def _without_secrets() -> Iterator[None]:
    """Remove secrets from every error that leaves the block, and from its causes."""
    try:
        yield
    except UserError as error:
        _scrub(error)
        raise UserError(Fault(*map(hide, (fault.where, fault.what, fault.remedy))) for fault in error.faults) from None
    except Exception as error:
        _scrub(error)
        raise


def _scrub(error: BaseException | None, seen: frozenset[int] = frozenset()) -> None:
    if error is None or id(error) in seen:
        return
    error.args = tuple(_scrubbed(value) for value in error.args)
    for name in ("request", "response"):  # whose headers carry the token
        if getattr(error, name, None) is not None:
            setattr(error, name, None)
    for other in (error.__cause__, error.__context__):
        _scrub(other, seen | {id(error)})


def _scrubbed(value: Any) -> Any:
    """A value of an error, unchanged if it contains no secret."""
    return value if hide(repr(value)) == repr(value) else hide(str(value))


@contextmanager
def without_retries(client: Any, service: str, request: str) -> Iterator[None]:
    """Send the named request only once, whatever the answer, so that its effect cannot happen twice."""
    http = client.http_client()
    address = http._get_request_url(service, request)
    _mount(http._session, (), address)
    try:
        yield
    finally:
        del http._session.adapters[address]


def web_session() -> requests.Session:
    """A session without credentials, for Kaggle's signed addresses."""
    session = requests.Session()
    _mount(session, TRANSIENT)
    return session


def _mount(session: requests.Session, statuses: tuple[int, ...], *addresses: str) -> None:
    """Retry after these statuses and failed connections; for all addresses, or those with these prefixes."""
    retry = _AnnouncedRetry(
        total=TRIES - 1,
        read=False,  # no retry: Kaggle may have received the request
        other=0,  # the same, through a proxy
        backoff_factor=PAUSE_SECONDS,
        status_forcelist=statuses,
        allowed_methods=None,
        raise_on_status=False,
        respect_retry_after_header=bool(statuses),  # otherwise a 429 with a time is retried too
    )
    for address in addresses or ("https://", "http://"):
        session.mount(address, _Adapter(max_retries=retry))


@contextmanager
def as_user_errors(where: str) -> Iterator[None]:
    """Turn network and HTTP errors into a `UserError`."""
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise UserError(fault_of(where, error)) from None


def fault_of(where: str, error: Exception) -> Fault:
    """The fault behind a network or HTTP error."""
    if isinstance(error, requests.HTTPError):
        return _refusal(where, error)
    if isinstance(error, requests.Timeout):
        return Fault(where, f"no answer within {TIMEOUT_SECONDS:g} s", "Try again later; nothing is lost")
    # Only its type: its text contains addresses, which may be signed.
    what = f"cannot be reached ({type(error).__name__})"
    return Fault(where, what, "Check the connection and try again; nothing is lost")


def status_of(error: requests.HTTPError) -> int:
    """The HTTP status of an error; 0 if Kaggle has not answered."""
    return error.response.status_code if error.response is not None else 0


def _refusal(where: str, error: requests.HTTPError) -> Fault:
    status = status_of(error)
    message = _message(error)
    if status == 401:
        return Fault(where, "the credentials are wrong or have expired", _TOKEN)
    if status == 403:
        remedy = "Accept the competition's rules on its page, and check that the token is yours"
        return Fault(where, f"access is denied{message}", remedy)
    if status == 404:
        return Fault(where, f"not found{message}", "Check the competition, the owner and the names")
    if status == 429:
        return Fault(where, f"too many requests{message}", "Try again in an hour; nothing is lost")
    if status >= 500:
        return Fault(where, f"server error (HTTP {status}){message}", "Try again later; nothing is lost")
    return Fault(where, f"the request was refused (HTTP {status}){message}", "Correct that and try again")


def _message(error: requests.HTTPError) -> str:
    """Kaggle's own message in one line, without any secret."""
    try:
        text = hide(str(error.response.json()["message"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return f": {' '.join(text.split())[:300]}" if text.strip() else ""
