"""A zip archive unpacked safely: no file outside the folder, no links, no zip bomb."""

import errno
import lzma
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO

from pulmo.errors import Fault, UserError
from pulmo.pipeline.progress import track

MAX_RATIO = 200  # of unpacked to packed size: tables of zeros reach 100, zip bombs 1,000 and more
SPARE_BYTES = 2**30
COPY_BYTES = 2**20


# The exceptions of zipfile for damaged archives.
_DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    IndexError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class DamagedArchiveError(UserError):
    """An archive that must be downloaded again."""


def unpack(archive: Path, folder: Path) -> int:
    """Unpack an archive into a folder; existing files with equal bytes are kept.

    Returns:
        The number of files in the archive.

    Raises:
        DamagedArchiveError: it is no zip archive, is damaged, or would write outside the folder.
        UserError: it would fill the disk. In all cases nothing is written, unless a member is found damaged while it
            is unpacked.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            files = [member for member in opened.infolist() if not member.is_dir()]
            _check(archive, files)
            missing = [member for member in track(files, "files checked", len(files)) if not _is_whole(folder, member)]
            _check_space(folder, missing)
            for member in track(missing, "files unpacked", len(missing)):
                _unpack_file(archive, opened, member, folder)
            return len(files)
    except _DAMAGED as error:
        raise _damaged(archive, error) from None


def _damaged(archive: Path, error: Exception) -> DamagedArchiveError:
    return DamagedArchiveError(Fault(str(archive), f"is damaged ({error})", "Download it again"))


def _check(archive: Path, files: list[zipfile.ZipInfo]) -> None:
    faults = [
        Fault(str(archive), f"{member.filename!r} {why}", "The archive is unsafe: download it again")
        for member in files
        if (why := _unsafe(member))
    ]
    if faults:
        raise DamagedArchiveError(faults)
    total = sum(member.file_size for member in files)
    if total > MAX_RATIO * archive.stat().st_size:
        what = f"would unpack to {total / 2**30:.1f} GiB, over {MAX_RATIO} times its size"
        raise DamagedArchiveError(Fault(str(archive), what, "The archive is unsafe: download it again"))


def _check_space(folder: Path, missing: list[zipfile.ZipInfo]) -> None:
    needed = sum(member.file_size for member in missing)
    free = shutil.disk_usage(_existing(folder)).free - SPARE_BYTES
    if needed > free:
        what = f"needs {needed / 2**30:.1f} GiB more, of which {max(free, 0) / 2**30:.1f} GiB are free"
        raise UserError(Fault(str(folder), what, "Free some space; the unpacked files are kept"))


def _unsafe(member: zipfile.ZipInfo) -> str:
    """The reason why a member must not be unpacked; empty if it is safe."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in member.filename or not path.parts:
        return "would be written outside the folder"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link or a device, not a file"
    return ""


def _unpack_file(archive: Path, opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    target = folder / member.filename
    started = target.with_name(target.name + ".started")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with started.open("wb") as copy, _source(archive, opened, member) as source:
            shutil.copyfileobj(source, copy, COPY_BYTES)  # checks the CRC, and never reads more than the declared size
        started.replace(target)
    except OSError as error:
        _remove(started)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # explained by the command line
            raise
        what = f"{member.filename!r} cannot be written ({error.strerror})"
        raise UserError(Fault(str(folder), what, "Move the file in its place, or choose another --data")) from None
    except BaseException:
        _remove(started)
        raise


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


@contextmanager
def _source(archive: Path, opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """A member opened; an OSError without an errno, as bz2 raises, means that it is damaged."""
    try:
        with opened.open(member) as source:
            yield source
    except OSError as error:
        if error.errno is None:
            raise _damaged(archive, error) from None
        raise


def _is_whole(folder: Path, member: zipfile.ZipInfo) -> bool:
    """Whether the file exists with the member's bytes, by size and CRC."""
    crc = 0
    try:
        with (folder / member.filename).open("rb") as file:
            if os.fstat(file.fileno()).st_size != member.file_size:
                return False
            while chunk := file.read(COPY_BYTES):
                crc = zlib.crc32(chunk, crc)
    except OSError:  # missing or unreadable: writing it gives the reason
        return False
    return crc == member.CRC


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
