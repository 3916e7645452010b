"""A search for what must not leave this machine, before anything is sent: secrets and local paths."""

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
from pulmo.kaggle.credentials import MIN_HIDDEN, hide, home, in_base64, secrets
from pulmo.kaggle.script import package_files

MAX_DEPTH = 4  # of archives in archives
WHEEL = ".whl"

_COMPRESSED: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
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
    """Check that a folder that is to be sent, and the package embedded in a kernel, hold nothing private.

    Every file is searched as it is, without its line ends, and unpacked where it is an archive; a secret is found
    plain, in UTF-16, in base64 and in hexadecimal digits, also in file names. In wheels only secrets are searched:
    the paths in them are their authors'.

    Raises:
        UserError: something private is in it; the message names the place and the kind, never the value.
    """
    private = {form: what for secret, what in secrets().items() for form in _forms(secret)}
    local = {path.encode(): what for path, what in _local_paths().items()}
    faults = [
        Fault(hide(place), f"holds {what}", "Remove it from the sources or the model, and build again")
        for place, name, content in _files(folder)
        for what in _found(name, content, private if name.endswith(WHEEL) else private | local)
    ]
    if faults:
        raise UserError(faults)


def _files(folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """The files of a folder and of the package, whose zip in the script is compressed: place, sent name, content."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path), str(path.relative_to(folder)), path.read_bytes()
    for name, content in package_files().items():
        yield name, name, content


def _forms(secret: str) -> Iterator[bytes]:
    """The forms in which a secret may be written."""
    yield secret.encode()
    if len(secret) >= MIN_HIDDEN:
        yield secret.encode("utf-16-le")
        yield secret.encode("utf-16-be")
        yield secret.encode().hex().encode()
        yield from in_base64(secret.encode())


def _local_paths() -> dict[str, str]:
    """Beginnings of this machine's paths, without its root, with which every path begins."""
    paths = {Path.cwd(): "this folder's path", home(): "the home folder's path"}
    return {f"{path}{os.sep}": what for path, what in paths.items() if path and path != Path(path.anchor)}


def _found(name: str, content: bytes, private: Mapping[bytes, str]) -> list[str]:
    """The kinds of private text in a file or in its name."""
    found: dict[str, None] = {}
    for searched in _contents(os.fsencode(name), content, MAX_DEPTH):
        for text, what in private.items():
            if what not in found and text in searched:
                found[what] = None
    return list(found)


def _contents(name: bytes, content: bytes, depth: int) -> Iterator[bytes]:
    """The bytes to search in a file: its name, its content, also without line ends, and the contents of an archive."""
    yield name
    yield content
    if b"\0" not in content[:4096]:  # a text, in which a secret may be broken over lines
        yield content.translate(None, b"\r\n")
    if depth == 0:
        return
    for magic, decompress in _COMPRESSED:
        if content.startswith(magic):
            try:
                yield from _contents(b"", decompress(content), depth - 1)
            except _DAMAGED:
                return
    try:
        for inner, packed in _members(content):
            yield from _contents(inner, packed, depth - 1)
    except _DAMAGED:  # no archive, or one that cannot be unpacked
        return


def _members(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and bytes of an archive's files; none if it is no archive."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            yield b"", opened.comment
            for member in opened.infolist():
                try:
                    yield member.filename.encode(), opened.read(member)
                except _DAMAGED:  # the other members may still be sound
                    yield member.filename.encode(), b""
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as packed:
            for entry in packed:
                file = packed.extractfile(entry) if entry.isfile() else None
                yield entry.name.encode(errors="surrogateescape"), file.read() if file else b""
