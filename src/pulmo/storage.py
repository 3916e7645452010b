"""Files in an object store as paths that can be read: `s3://bucket/prefix`, or any other URL that fsspec knows.

Credentials come from where the store's own tools find them (environment, configuration files, the machine's role),
never from the URL. Requests that fail for the moment are repeated here alone, not in the libraries below, so that the
time until an error is known.
"""

import errno
import io
import os
import random
import re
import stat
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PosixPath
from typing import Any, BinaryIO, Final, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

from pulmo.errors import CommandLineError, Fault, UserError
from pulmo.object_cache import Version, object_cache

T = TypeVar("T")

CONCURRENCY: Final = 16
"""Requests of one process at a time."""
ATTEMPTS: Final = 6
FIRST_PAUSE_SECONDS: Final = 0.2
"""Doubled after each attempt, a random share added: a store that does not answer is named after 6 to 12 seconds."""
LISTING_SECONDS: Final = 60.0
"""Within this time a listing is not asked for again."""
_URL = re.compile("[A-Za-z][A-Za-z0-9+.-]*://")
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {"retries": {"total_max_attempts": 1}, "max_pool_connections": CONCURRENCY},
        "max_concurrency": 1,  # an object by one request: not one for its size, and then several that may not agree
    }
}
_STATES = ("ETag", "etag", "md5Hash", "generation", "LastModified", "last_modified", "updated", "mtime", "created")
"""What stores call the value that changes with an object's content, the surest first."""
_GOES_ON = "finished work is kept, and the same command resumes"


class StorePath(PosixPath):
    """An object, or a prefix of objects as a folder; `str` is its URL.

    It is a `Path` so that whatever reads files reads objects too; methods that write, and functions of the system
    that take a file's name, raise TypeError. Reading raises FileNotFoundError for a missing object as for a missing
    file, and UserError where the store refuses, or does not answer in ATTEMPTS attempts.

    Its first part is the scheme with its colon: it has no other state, so it is pickled and compared as any path.
    """

    @classmethod
    def of(cls, url: str) -> "StorePath":
        """The path of a URL.

        Raises:
            CommandLineError: it names no bucket, or holds credentials.
        """
        try:
            parts = urlsplit(url)
            secret = parts.password is not None or bool(parts.query)
        except ValueError:
            raise CommandLineError(Fault(url.partition("://")[0] + "://", "is no URL", "Correct it")) from None
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        if secret:
            remedy = "Leave them out of the URL, and put them where the store's own tools look for them"
            raise CommandLineError(Fault(shown, "was given with credentials or a query in the URL", remedy))
        if not parts.netloc:
            raise CommandLineError(Fault(shown, "names no bucket", f"Write {parts.scheme}://BUCKET/PREFIX"))
        return cls(f"{parts.scheme}:", parts.netloc, url.partition(parts.netloc)[2].strip("/"))

    def __str__(self) -> str:
        text = super().__str__()
        scheme, colon, rest = text.partition(":/")
        return f"{scheme}://{rest.lstrip('/')}" if colon and "/" not in scheme else text

    def __fspath__(self) -> str:
        raise TypeError(f"{self} is in an object store: the system cannot open it by its name")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def resolve(self, strict: bool = False) -> "StorePath":
        """Itself: a store has no links, and no current folder."""
        return self

    def absolute(self) -> "StorePath":
        """Itself."""
        return self

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Whether there is such an object or folder."""
        return self.is_file() or self.is_dir()

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether there is such an object."""
        return _find(self).object is not None

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether any object's key begins with this path."""
        return _find(self).folder is not None

    def iterdir(self) -> Generator["StorePath", None, None]:
        """The objects and folders directly in this folder."""
        folder = _find(self).folder
        if folder is None:
            raise _no_such_file(self)
        yield from (self / name for name in (*folder.objects, *folder.folders))

    def folders_below(self) -> Iterator[tuple["StorePath", list[str]]]:
        """Every folder at or below this one, by path, with the names of the objects directly in it, sorted."""
        folder = _find(self).folder
        if folder is not None:
            yield self, sorted(folder.objects)
            for name in sorted(folder.folders):
                yield from (self / name).folders_below()

    def state(self) -> tuple[int, str]:
        """The object's size in bytes, and its ETag or, where the store has none, what changes with its content.

        Raises:
            FileNotFoundError: there is no such object.
        """
        found = _find(self).object
        if found is None:
            raise _no_such_file(self)
        return found

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Kind and size alone; times are 0."""
        found = _find(self)
        if found.object is None and found.folder is None:
            raise _no_such_file(self)
        mode, size = (stat.S_IFDIR, 0) if found.object is None else (stat.S_IFREG, found.object.size)
        return os.stat_result((mode | 0o444, 0, 0, 0, 0, 0, size, 0, 0, 0))

    def read_bytes(self) -> bytes:
        """The whole object, by one request."""
        content = _held.get(self)
        if content is None:
            content = _fetch([self]).get(self)
        if content is None:
            raise _no_such_file(self)
        return content

    def read_text(self, encoding: str | None = None, errors: str | None = None, newline: str | None = None) -> str:
        """The whole object as text, UTF-8 by default."""
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        """The whole object in memory, as a binary file: the only mode is `rb`."""
        if mode != "rb":
            raise TypeError(f"{self} is in an object store: it can be opened for reading bytes alone, not as {mode!r}")
        return cast(BinaryIO, io.BytesIO(self.read_bytes()))


def is_url(text: str) -> bool:
    """Whether a text is a URL and not the name of a file."""
    return _URL.match(text) is not None


def forget_listings() -> None:
    """Ask the stores for their listings again: called as a command begins."""
    _listings.clear()


@contextmanager
def in_memory(files: Iterable[Path]) -> Iterator[None]:
    """Hold objects in memory meanwhile: fetched together, and each read from there.

    Files on the disk need nothing. A missing object is left to whoever reads it.

    Raises:
        UserError: a store refuses, or does not answer.
    """
    wanted = [file for file in files if isinstance(file, StorePath) and file not in _held]
    fetched = _fetch(wanted) if wanted else {}
    _held.update(fetched)
    try:
        yield
    finally:
        for path in fetched:
            _held.pop(path, None)  # another thread may have held it too, and dropped it


@contextmanager
def folder_in_memory(folder: Path) -> Iterator[None]:
    """The same of all objects at or below a folder."""
    if not isinstance(folder, StorePath):
        yield
        return
    with in_memory([place / name for place, names in folder.folders_below() for name in names]):
        yield
    _listings.pop(folder, None)  # a worker reads thousands of folders, each once


class _State(NamedTuple):
    size: int
    tag: str


@dataclass
class _Folder:
    objects: dict[str, _State] = field(default_factory=dict)
    folders: dict[str, "_Folder"] = field(default_factory=dict)


class _Found(NamedTuple):
    """What is at a path: an object, a folder, both, or nothing."""

    object: _State | None
    folder: _Folder | None


class _Listing(NamedTuple):
    """All that is at and below a path, and when it was asked for."""

    asked: float
    found: _Found


_listings: dict[StorePath, _Listing] = {}
_held: dict[StorePath, bytes] = {}


def _find(path: StorePath) -> _Found:
    """By the listing of the nearest folder above it that has one, made anew if it is old; else by one of its own."""
    place = next((place for place in (path, *path.parents) if place in _listings), path)
    listing = _listings.get(place)
    now = time.monotonic()
    if listing is None or now - listing.asked >= LISTING_SECONDS:
        listing = _listings[place] = _Listing(now, _list(place))
    return _below(listing.found, path.parts[len(place.parts) :])


def _below(found: _Found, names: tuple[str, ...]) -> _Found:
    for name in names:
        if found.folder is None:
            return _Found(None, None)
        found = _Found(found.folder.objects.get(name), found.folder.folders.get(name))
    return found


def _list(path: StorePath) -> _Found:
    """All keys at and below a path, in pages as the store gives them."""
    filesystem, name = _filesystem(path), _name(path)
    try:
        entries: dict[str, dict[str, Any]] = _asked(path, lambda: filesystem.find(name, detail=True))
    except FileNotFoundError as error:
        if _code(error) == "NoSuchBucket":
            raise UserError(Fault(str(path), "there is no such bucket", "Correct the URL, or the endpoint")) from None
        return _Found(None, None)
    root = _Folder()
    single = None
    for key, entry in entries.items():
        *folders, last = key.removeprefix("/")[len(name.removeprefix("/")) :].removeprefix("/").split("/")
        folder = root
        for part in folders:
            folder = folder.folders.setdefault(part, _Folder())
        state = _State(int(entry["size"] or 0), str(next((entry[tag] for tag in _STATES if entry.get(tag)), "")))
        if last:
            folder.objects[last] = state
        elif not folders and not key.endswith("/"):  # else a marker of an empty folder
            single = state
    return _Found(single, root if root.objects or root.folders else None)


def _fetch(paths: list[StorePath]) -> dict[StorePath, bytes]:
    """Whole objects of one store, from the local cache where there is one; missing ones are left out."""
    cache = object_cache()
    if cache is None:
        return _downloaded(paths)
    versions = {path: Version(str(path), *state) for path in paths if (state := _find(path).object)}
    cached = {path: cache.read(version) for path, version in versions.items()}
    fetched = {path: content for path, content in cached.items() if content is not None}
    left = [path for path in paths if path not in fetched]
    for path, content in (_downloaded(left) if left else {}).items():
        if path in versions:
            cache.write(versions[path], content)
        fetched[path] = content
    return fetched


def _downloaded(paths: list[StorePath]) -> dict[StorePath, bytes]:
    """The same from the store, CONCURRENCY at a time."""
    filesystem = _filesystem(paths[0])
    fetched: dict[StorePath, bytes] = {}

    left = paths
    for attempt in range(ATTEMPTS):
        names, ends = [_name(path) for path in left], [None] * len(left)
        answers = filesystem.cat_ranges(names, ends, ends, on_error="return", batch_size=CONCURRENCY)
        asked, left = left, []
        for path, answer in zip(asked, answers, strict=True):
            if not isinstance(answer, BaseException):
                fetched[path] = answer
            elif not isinstance(answer, FileNotFoundError):
                _refuse(path, answer, last=attempt == ATTEMPTS - 1)
                left.append(path)
        if not left:
            return fetched
        _pause(attempt)
    raise AssertionError("the last attempt returns or raises")


def _asked(path: StorePath, request: Callable[[], T]) -> T:
    """A request's answer, repeated while it fails for the moment. Raises FileNotFoundError and UserError."""
    for attempt in range(ATTEMPTS):
        try:
            return request()
        except FileNotFoundError:
            raise
        except Exception as error:  # the libraries of the stores have no common one
            _refuse(path, error, last=attempt == ATTEMPTS - 1)
        _pause(attempt)
    raise AssertionError("the last attempt returns or raises")


def _pause(attempt: int) -> None:
    time.sleep(FIRST_PAUSE_SECONDS * 2**attempt * (1 + random.random()))


def _refuse(path: StorePath, error: BaseException, last: bool) -> None:
    """Raise a UserError where asking again will not help; an error's own text may hold what was sent, and is left out.

    Args:
        path: what was asked for.
        error: of the library.
        last: no attempt is left.
    """
    kind, code = type(error).__name__, _code(error)
    why = code or kind
    if "Credential" in kind or "Token" in kind:
        remedy = (
            "Give them as the store's own tools take them, such as AWS_PROFILE, or FSSPEC_S3_ANON=true if it is public"
        )
        raise UserError(Fault(str(path), f"no credentials were found for it ({why})", remedy)) from error
    if isinstance(error, PermissionError):
        remedy = "Ask for the right to list and to read it, or use other credentials"
        raise UserError(Fault(str(path), f"the store refuses access ({why})", remedy)) from error
    if isinstance(error, ImportError):
        raise UserError(Fault(str(path), f"a package for this store is missing ({error})", "Install it")) from error
    if last:
        what = f"the store does not answer: {ATTEMPTS} attempts failed ({why})"
        raise UserError(Fault(str(path), what, f"Check its address and the network; {_GOES_ON}")) from error


def _code(error: BaseException) -> str:
    """The store's code of an error, as S3 and its like give one; empty where there is none."""
    for reason in (error, error.__cause__, error.__context__):
        response = getattr(reason, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def _filesystem(path: StorePath) -> Any:
    """fsspec's access to the store, made once a process. Raises UserError where a package for it is missing."""
    import fsspec  # takes a tenth of a second, and most runs need none

    scheme = path.parts[0].removesuffix(":")
    try:
        filesystem = fsspec.filesystem(scheme, use_listings_cache=False, **_OPTIONS.get(scheme, {}))
    except ImportError:
        package = "s3fs" if scheme == "s3" else f"the package of fsspec for {scheme}"
        remedy = (
            "Install it: pip install 'pulmo[s3]'" if scheme == "s3" else "Install it; fsspec's documentation names it"
        )
        raise UserError(Fault(str(path), f"needs {package}, which is not installed", remedy)) from None
    except ValueError:
        what, remedy = f"{scheme}:// is no kind of store that fsspec knows", "Write s3://, gs:// …, or a folder's path"
        raise CommandLineError(Fault(str(path), what, remedy)) from None
    if hasattr(filesystem, "retries"):
        filesystem.retries = 1
    return filesystem


def _name(path: StorePath) -> str:
    """What fsspec calls it: bucket and key."""
    return str(_filesystem(path)._strip_protocol(str(path)))


def _no_such_file(path: StorePath) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
