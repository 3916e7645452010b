"""A local cache of a store's objects, only where `PULMO_STORE_CACHE` names a folder for it.

An object is found by its URL, size and ETag, so that one that has changed is fetched again. Several processes may use
one folder; nothing in it is deleted.
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
    """An object as it was listed."""

    url: str
    size: int
    tag: str

    def is_of(self, content: bytes) -> bool:
        """Whether this may be its content, by its size and, where the ETag is one, its MD5."""
        tag = self.tag.strip('"')
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest() if _MD5.fullmatch(tag) else tag
        return len(content) == self.size and digest == tag


class ObjectCache(NamedTuple):
    """The cache in a folder. Reading and writing raise UserError where the system refuses them."""

    folder: Path

    def read(self, version: Version) -> bytes | None:
        """An object's content; None where it is not there, or damaged."""
        try:
            content = self._place(version).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refused(error) from error
        return content if version.is_of(content) else None

    def write(self, version: Version, content: bytes) -> None:
        """Keep an object, unless it has changed since it was listed."""
        if not version.is_of(content):
            return
        place = self._place(version)
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
            raise self._refused(error) from error

    def _place(self, version: Version) -> Path:
        digest = hashlib.sha256("\n".join(map(str, version)).encode()).hexdigest()
        return self.folder / digest[:2] / digest

    def _refused(self, error: OSError) -> UserError:
        what = f"a store's objects cannot be cached there ({error.strerror})"
        remedy = f"Free its disk, name another folder in {VARIABLE}, or unset it"
        return UserError(Fault(str(self.folder), what, remedy))


def object_cache() -> ObjectCache | None:
    """The cache that the environment asks for, if any."""
    folder = os.environ.get(VARIABLE)
    return ObjectCache(Path(folder).expanduser()) if folder else None
