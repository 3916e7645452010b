"""What must not leave this machine, looked for before anything is sent: secrets, and paths that exist here alone."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pulmo.errors import Fault, UserError
from pulmo.kaggle.credentials import LEAST_HIDDEN, hide, home, in_base64, secrets
from pulmo.kaggle.script import package_files

DEEPEST = 4  # archives in archives
WHEEL = ".whl"

_PACKED: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", gzip.decompress),
    (b"BZh", bz2.decompress),
    (b"\xfd7zXZ\0", lzma.decompress),
)
_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
)


def check_private(folder: Path) -> None:
    """Check that a folder that is to be sent, and the package that a kernel brings, hold nothing private.

    Every file is searched as it is, without its line ends, and unpacked where it is an archive; a secret is found
    plain, in UTF-16, in base64 and in hexadecimal digits, in names of files too. Wheels are others' work: paths in
    them are theirs.

    Raises:
        UserError: something private is in it; the message says where and what, never the value.
    """
    hidden = {form: what for secret, what in secrets().items() for form in _forms(secret)}
    places = {place.encode(): what for place, what in _places().items()}
    named = [(path.relative_to(folder), path) for path in sorted(folder.rglob("*")) if path.is_file()]
    named += [(Path(path.name), path) for path in package_files()]  # packed in the script, where nothing can be seen
    faults = [
        Fault(hide(str(path)), f"holds {what}", "Take it out of the sources or the model, and build again")
        for name, path in named
        for what in _found(name, path, hidden if path.suffix == WHEEL else hidden | places)
    ]
    if faults:
        raise UserError(faults)


def _forms(secret: str) -> Iterator[bytes]:
    """How a secret may be written."""
    yield secret.encode()
    if len(secret) >= LEAST_HIDDEN:
        yield secret.encode("utf-16-le")
        yield secret.encode("utf-16-be")
        yield secret.encode().hex().encode()
        yield from in_base64(secret.encode())


def _places() -> dict[str, str]:
    """Paths of this machine, as they begin; not its root, with which every path begins."""
    places = {Path.cwd(): "this folder's path", home(): "the home folder's path"}
    return {f"{place}{os.sep}": what for place, what in places.items() if place and place != Path(place.anchor)}


def _found(name: Path, path: Path, strangers: Mapping[bytes, str]) -> list[str]:
    """What of the strangers stands in a file, or in the name that it goes by."""
    found: dict[str, None] = {}
    for content in _contents(os.fsencode(name), path.read_bytes(), DEEPEST):
        for stranger, what in strangers.items():
            if what not in found and stranger in content:
                found[what] = None
    return list(found)


def _contents(name: bytes, content: bytes, depth: int) -> Iterator[bytes]:
    """What there is to search in a file: its name, its bytes, those without line ends, and those of what it packs."""
    yield name
    yield content
    if b"\0" not in content[:4096]:  # a text, in which a long line may have been broken
        yield content.translate(None, b"\r\n")
    if depth == 0:
        return
    for mark, unpacked in _PACKED:
        if content.startswith(mark):
            try:
                yield from _contents(b"", unpacked(content), depth - 1)
            except _DAMAGED:
                return
    try:
        for inner, packed in _members(content):
            yield from _contents(inner, packed, depth - 1)
    except _DAMAGED:  # no archive, or one that nobody can unpack
        return


def _members(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and bytes of an archive's files; none if it is no archive."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            yield b"", opened.comment
            for member in opened.infolist():
                try:
                    yield member.filename.encode(), opened.read(member)
                except _DAMAGED:  # this one cannot be unpacked, the next may
                    yield member.filename.encode(), b""
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as packed:
            for entry in packed:
                file = packed.extractfile(entry) if entry.isfile() else None
                yield entry.name.encode(errors="surrogateescape"), file.read() if file else b""
