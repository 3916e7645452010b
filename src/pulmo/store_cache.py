"""Copies of a store's objects in a local folder, kept only where `PULMO_STORE_CACHE` names one.

A copy is found by its object's URL, size and ETag, so that an object that has changed is fetched again. Several
processes may use one folder; nothing in it is deleted.
"""

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from pulmo.errors import Fault, UserError

VARIABLE: Final = "PULMO_STORE_CACHE"
_MD5 = re.compile("[0-9a-f]{32}")


class Version(NamedTuple):
    """An object with the content that it had when it was listed."""

    url: str
    size: int
    tag: str

    def is_of(self, content: bytes) -> bool:
        """Whether this may be its content, by its size and, where the ETag is one, its MD5."""
        tag = self.tag.strip('"')
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest() if _MD5.fullmatch(tag) else tag
        return len(content) == self.size and digest == tag


def folder() -> Path | None:
    """Where copies are kept, if anywhere."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else None


def kept(folder: Path, version: Version) -> bytes | None:
    """The copy of an object, if there is one."""
    try:
        content = _place(folder, version).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(folder, error) from error
    return content if len(content) == version.size else None


def keep(folder: Path, version: Version, content: bytes) -> None:
    """Copy an object, unless it has changed since it was listed.

    Raises:
        UserError: the copy cannot be written.
    """
    if not version.is_of(content):
        return
    place = _place(folder, version)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as started:
            try:
                started.write(content)
                started.close()
                Path(started.name).replace(place)
            except OSError:
                Path(started.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise _refused(folder, error) from error


def _place(folder: Path, version: Version) -> Path:
    digest = hashlib.sha256("\n".join(map(str, version)).encode()).hexdigest()
    return folder / digest[:2] / digest


def _refused(folder: Path, error: OSError) -> UserError:
    remedy = f"Free its disk, name another folder in {VARIABLE}, or unset it"
    return UserError(Fault(str(folder), f"copies of a store's objects cannot be kept there ({error.strerror})", remedy))
