"""The user's credentials on this machine: found, cleaned, and hidden in everything that is shown or sent.

They are in the places of Kaggle's tools: `KAGGLE_API_TOKEN` (a token, or the name of a file with one), `access_token`,
`KAGGLE_USERNAME` with `KAGGLE_KEY`, `kaggle.json`, and `credentials.json`, which `kaggle auth login` writes; the files
in `~/.kaggle`, `KAGGLE_CONFIG_DIR` or `~/.config/kaggle`. Editors and shells leave line ends, quotes and byte order
marks around them, which are stripped wherever a value is read.
"""

import base64
import codecs
import json
import os
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pulmo.errors import Fault, UserError

HIDDEN = "…"
MIN_HIDDEN = 8  # characters: shorter values are no tokens of Kaggle's, and occur in ordinary words

_VARIABLES = ("KAGGLE_API_TOKEN", "KAGGLE_KEY", "KAGGLE_IAP_TOKEN")
_TOKEN_FILES = ("access_token", "access_token.txt")
_KEY_FILE, _LOGIN_FILE = "kaggle.json", "credentials.json"

# Byte order marks, also decoded in the wrong encoding; zero-width spaces; typographic quotes.
_AROUND = string.whitespace + "\0\x85\xa0\u2028\u2029\u3000\ufeff\u200b\u200c\u200d\u2060ï»¿\udcef\udcbb\udcbf\"'`“”‘’"
_SECRET_NAMES = ("key", "token", "api_token", "access_token", "refresh_token", "password", "secret")
_OPEN_NAMES = ("username",)
_LOOKS_SECRET = re.compile(r"[A-Za-z0-9_.~+=-]{20,}")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Login(NamedTuple):
    """Credentials of `kaggle auth login`: tokens, and when the shorter-lived one ends (ISO 8601; empty if unknown)."""

    refresh_token: str
    access_token: str
    expires: str
    user: str
    scopes: list[str]


def token() -> str:
    """The token to sign in with; empty if there is none.

    Raises:
        UserError: there is one that cannot be a token.
    """
    return next((_usable(value, where) for value, where in _tokens() if value), "")


def user_and_key() -> tuple[str, str] | None:
    """The older credentials: the user's name and key.

    Raises:
        UserError: they are there and cannot be credentials.
    """
    pairs = [(_variable("KAGGLE_USERNAME"), _variable("KAGGLE_KEY"), "KAGGLE_USERNAME and KAGGLE_KEY")]
    for path in _files(_KEY_FILE):
        known = _json_object(path)
        pairs.append((_text_of(known, "username"), _text_of(known, "key"), str(path)))
    for user, key, where in pairs:
        if user and key:
            return _usable(user, where), _usable(key, where)
    return None


def browser_login() -> Login | None:
    """The credentials of `kaggle auth login`; None if there are none.

    Raises:
        UserError: it cannot be credentials.
    """
    for path in _files(_LOGIN_FILE):
        known = _json_object(path)
        if refresh := _text_of(known, "refresh_token"):
            scopes = known.get("scopes")
            return Login(
                _usable(refresh, str(path)),
                _usable(_text_of(known, "access_token"), str(path)),
                _text_of(known, "access_token_expiration"),
                _text_of(known, "username"),
                [str(scope) for scope in scopes] if isinstance(scopes, list) else [],
            )
    return None


def user_name() -> str:
    """The user's name on Kaggle from the credentials; empty if they do not contain it."""
    names = [_variable("KAGGLE_USERNAME")]
    names += [_text_of(_json_object(path), "username") for path in (*_files(_KEY_FILE), *_files(_LOGIN_FILE))]
    return next(filter(None, names), "")


def secrets() -> dict[str, str]:
    """Every secret on this machine, cleaned, and its source; also those that Kaggle would not accept."""
    found: dict[str, str] = {}
    for name in _VARIABLES:
        for secret in _secrets_in(os.environ.get(name, "")):
            found.setdefault(secret, f"the value of {name}")
    for value, where in _tokens(also_in_notebooks=True):
        for secret in _secrets_in(value):
            found.setdefault(secret, where)
    for name, what in ((_KEY_FILE, "the key"), (_LOGIN_FILE, "a token")):
        for path in _files(name):
            for secret in _secrets_in(_read(path)):
                found.setdefault(secret, f"{what} in {_shown(path)}")
    return found


def hide(text: str) -> str:
    """The text with all secrets replaced, plain ones and those in base64."""
    for secret in sorted(secrets(), key=len, reverse=True):
        if len(secret) >= MIN_HIDDEN:
            for form in (secret, *map(bytes.decode, in_base64(secret.encode()))):
                text = text.replace(form, HIDDEN)
    return text


def in_base64(secret: bytes) -> Iterator[bytes]:
    """The base64 forms of a secret inside a text: the part that does not depend on the bytes around it."""
    for before, first in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(before) + secret).rstrip(b"=")
        whole = encoded[first : len(encoded) - bool((before + len(secret)) % 3)]
        yield whole
        yield whole.translate(bytes.maketrans(b"+/", b"-_"))


def clean(value: str) -> str:
    """A value without the characters that editors and shells leave around it."""
    return value.strip(_AROUND)


def _tokens(also_in_notebooks: bool = False) -> Iterator[tuple[str, str]]:
    """Tokens and their sources, in the order of Kaggle's client; some may be empty."""
    in_notebook = also_in_notebooks or "KAGGLE_KERNEL_RUN_TYPE" in os.environ
    if in_notebook and (path := _existing(os.environ.get("KAGGLE_API_V1_TOKEN", ""))):
        yield clean(_read(path)), "the token in the file that KAGGLE_API_V1_TOKEN names"
    value = os.environ.get("KAGGLE_API_TOKEN", "")
    if path := _existing(value) or _existing(clean(value)):
        yield clean(_read(path)), "the token in the file that KAGGLE_API_TOKEN names"
    else:
        yield clean(value), "KAGGLE_API_TOKEN"
    for name in _TOKEN_FILES:
        for path in _files(name):
            yield clean(_read(path)), f"the token in {_shown(path)}"


def _secrets_in(text: str) -> list[str]:
    """The secrets in a variable or a file: JSON of any shape, broken JSON, or a token alone."""
    text = clean(text)
    try:
        value = json.loads(text)
    except ValueError:
        found = _LOOKS_SECRET.findall(text) if "{" in text or "[" in text or '"' in text else []
        return [secret for secret in (text, *found) if secret]
    if not isinstance(value, dict | list):
        return [text] if text else []
    return [secret for name, secret in _strings(value) if _is_secret(name, secret)]


def _strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """All strings in a JSON value, cleaned, each with its key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, name)
    elif isinstance(value, str):
        yield name, clean(value)


def _is_secret(name: str, value: str) -> bool:
    if name.lower() in _SECRET_NAMES:
        return bool(value)
    return name.lower() not in _OPEN_NAMES and _LOOKS_SECRET.fullmatch(value) is not None


def _usable(value: str, where: str) -> str:
    """The value itself, if it is valid in a request's header.

    Raises:
        UserError: it is not; Kaggle's client would show it in its own error.
    """
    for place, character in enumerate(value, start=1):
        if not "!" <= character <= "~":
            what = f"holds a character that no token has (U+{ord(character):04X}, number {place} of {len(value)})"
            raise UserError(Fault(where, what, "Copy the token again from Kaggle's settings, alone and on one line"))
    return value


def _variable(name: str) -> str:
    return clean(os.environ.get(name, ""))


def _files(name: str) -> list[Path]:
    """The files of that name, in order of precedence."""
    chosen = os.environ.get("KAGGLE_CONFIG_DIR")
    folders = [Path(chosen)] if chosen else []
    if here := home():
        config = os.environ.get("XDG_CONFIG_HOME")
        folders += [here / ".kaggle", (Path(config) if config else here / ".config") / "kaggle"]
    return list(dict.fromkeys(path for folder in folders if (path := _existing(str(folder / name)))))


def home() -> Path | None:
    """The user's home folder; None for a user without one."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def _existing(path: str) -> Path | None:
    try:
        return Path(path) if path and Path(path).is_file() else None
    except (OSError, ValueError):  # a token instead of a file name may be too long for one
        return None


def _read(path: Path) -> str:
    """A file's text in any editor's encoding; empty if it is unreadable."""
    try:
        content = path.read_bytes()
    except OSError:
        return ""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    first, second = content[::2].count(0), content[1::2].count(0)
    if first or second:  # UTF-16 without a mark: the upper bytes of ASCII letters are zero
        return content.decode("utf-16-be" if first > second else "utf-16-le", "replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _json_object(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(_read(path).strip(_AROUND))  # an object begins and ends with braces
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}


def _text_of(known: dict[str, Any], name: str) -> str:
    value = known.get(name)
    return clean(value) if isinstance(value, str) else ""


def _shown(path: Path) -> str:
    """A path with `~` for the home folder."""
    here = home()
    return f"~/{path.relative_to(here)}" if here and path.is_relative_to(here) else str(path)
