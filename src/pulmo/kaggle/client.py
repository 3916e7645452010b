"""The door to Kaggle: its own client, given a time limit and patience, and its refusals in plain words.

Credentials (see `credentials.py`) go to Kaggle and nowhere else: no message repeats what an exception says of a
request, for its header holds the token and its address may hold a signature.
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
PAUSE_SECONDS = 1.0  # before the second try; twice as long before each further one, unless Kaggle names a time

# Kaggle has most likely done nothing yet when it answers so; what must not be done twice is `tried_once`.
NOT_YET = (429, 503)
TRANSIENT = (*NOT_YET, 500, 502, 504)

_TOKEN = "Make a token in Kaggle's settings and put it into ~/.kaggle/access_token or KAGGLE_API_TOKEN"


class _AnnouncedRetry(Retry):
    """Says that it waits, and how long."""

    def sleep(self, response: Any = None) -> None:
        seconds = (self.get_retry_after(response) if response is not None else None) or self.get_backoff_time()
        if seconds >= 1:
            log(f"Kaggle is busy or out of reach: trying again in {seconds:.0f} s …")
        super().sleep(response)


class _Adapter(HTTPAdapter):
    """Gives up a silent connection: Kaggle's client sets no time limit of its own."""

    def send(self, request: Any, stream: bool = False, timeout: Any = None, **options: Any) -> Any:
        return super().send(request, stream=stream, timeout=timeout or TIMEOUT_SECONDS, **options)


@contextmanager
def connected() -> Iterator[Any]:
    """Kaggle's client, signed in. No error that leaves the block holds a secret.

    Raises:
        UserError: there are no credentials; and, from within the block, whatever Kaggle refuses.
    """
    client = KaggleClient()
    http = client.http_client()
    http._signed_in = True  # or it would look for credentials itself, and show them where they are at fault
    with client, _without_secrets():
        session = http._session  # the only way to its time limit
        session.auth = _auth(client)
        _mount(session, NOT_YET)
        with in_plain_words("Kaggle"):
            yield client


def _auth(client: Any) -> Any:
    bearer = client.http_client().BearerAuth
    if token := credentials.token():
        return bearer(token)
    if pair := credentials.user_and_key():
        return pair
    login = credentials.browser_login()
    if login is None:
        raise UserError(Fault("Kaggle", "there are no credentials for it", _TOKEN))
    known = KaggleCredentials(
        client, login.refresh_token, login.access_token, _when(login.expires), login.user, login.scopes
    )
    with in_plain_words("Kaggle"):
        return bearer(known.get_access_token())


def _when(text: str) -> datetime | None:
    """A time as Kaggle's client compares it; None, which makes it ask for a new token, if that is not known."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


@contextmanager
def _without_secrets() -> Iterator[None]:
    """Whatever error leaves the block: no secret is left in it, nor in the errors that it follows from."""
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
    """A value of an error, unchanged if it shows no secret."""
    return value if hide(repr(value)) == repr(value) else hide(str(value))


@contextmanager
def tried_once(client: Any, service: str, request: str) -> Iterator[None]:
    """Send the named request once, however Kaggle answers: what it has done already must not be done twice."""
    http = client.http_client()
    address = http._get_request_url(service, request)
    _mount(http._session, (), address)
    try:
        yield
    finally:
        del http._session.adapters[address]


def web_session() -> requests.Session:
    """A session without credentials, for the signed addresses that Kaggle hands out."""
    session = requests.Session()
    _mount(session, TRANSIENT)
    return session


def _mount(session: requests.Session, statuses: tuple[int, ...], *addresses: str) -> None:
    """Try again after these statuses, and where no connection came about; at all addresses, or those that begin so."""
    retry = _AnnouncedRetry(
        total=TRIES - 1,
        read=False,  # no second try: whether Kaggle has got the request is not known then
        other=0,  # the same, through a proxy
        backoff_factor=PAUSE_SECONDS,
        status_forcelist=statuses,
        allowed_methods=None,
        raise_on_status=False,
        respect_retry_after_header=bool(statuses),  # or a 429 that names a time would count among them
    )
    for address in addresses or ("https://", "http://"):
        session.mount(address, _Adapter(max_retries=retry))


@contextmanager
def in_plain_words(where: str) -> Iterator[None]:
    """Turn what goes wrong on the way into a `UserError`."""
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise UserError(fault_of(where, error)) from None


def fault_of(where: str, error: Exception) -> Fault:
    """What went wrong on the way, in plain words."""
    if isinstance(error, requests.HTTPError):
        return _refusal(where, error)
    if isinstance(error, requests.Timeout):
        return Fault(where, f"no answer within {TIMEOUT_SECONDS:g} s", "Try again later; nothing is lost")
    # Its type only: its text holds addresses, and those may be signed.
    what = f"cannot be reached ({type(error).__name__})"
    return Fault(where, what, "Check the connection and try again; nothing is lost")


def status_of(error: requests.HTTPError) -> int:
    """The HTTP status that an error tells of; 0 when Kaggle has not answered."""
    return error.response.status_code if error.response is not None else 0


def _refusal(where: str, error: requests.HTTPError) -> Fault:
    status = status_of(error)
    message = _message(error)
    if status == 401:
        return Fault(where, "the credentials are wrong or have expired", _TOKEN)
    if status == 403:
        remedy = "Accept the competition's rules on its page, and check that the token is yours"
        return Fault(where, f"this is not allowed to you{message}", remedy)
    if status == 404:
        return Fault(where, f"there is no such thing{message}", "Check the competition, the owner and the names")
    if status == 429:
        return Fault(where, f"too many requests{message}", "Try again in an hour; nothing is lost")
    if status >= 500:
        return Fault(where, f"an error of its own (HTTP {status}){message}", "Try again later; nothing is lost")
    return Fault(where, f"the request was refused (HTTP {status}){message}", "Do as it says, then try again")


def _message(error: requests.HTTPError) -> str:
    """What Kaggle itself says, in one line, without any secret."""
    try:
        text = hide(str(error.response.json()["message"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return f": {' '.join(text.split())[:300]}" if text.strip() else ""
