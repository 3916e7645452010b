"""A zip archive unpacked without trusting it: nothing outside the folder, no links, no bomb."""

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

MOST_TIMES_LARGER = 200  # than the archive: tables of zeros reach 100, a bomb 1,000 and more
SPARE_BYTES = 2**30
COPY_BYTES = 2**20


# What zipfile raises of bytes that are no sound archive.
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
    """An archive that must be fetched again."""


def unpack(archive: Path, folder: Path) -> int:
    """Unpack an archive into a folder; files that are there, with the archive's bytes, are kept.

    Returns:
        How many files the archive holds.

    Raises:
        DamagedArchiveError: it is no zip archive, is damaged, or would write outside the folder.
        UserError: it would fill the disk. In all cases nothing has been written, unless a file inside turned out to be
            damaged.
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
        Fault(str(archive), f"{member.filename!r} {why}", "Do not trust this archive: download it again")
        for member in files
        if (why := _distrusted(member))
    ]
    if faults:
        raise DamagedArchiveError(faults)
    total = sum(member.file_size for member in files)
    if total > MOST_TIMES_LARGER * archive.stat().st_size:
        what = f"would unpack to {total / 2**30:.1f} GiB, over {MOST_TIMES_LARGER} times its size"
        raise DamagedArchiveError(Fault(str(archive), what, "Do not trust this archive: download it again"))


def _check_space(folder: Path, missing: list[zipfile.ZipInfo]) -> None:
    wanted = sum(member.file_size for member in missing)
    free = shutil.disk_usage(_existing(folder)).free - SPARE_BYTES
    if wanted > free:
        what = f"needs {wanted / 2**30:.1f} GiB more, of which {max(free, 0) / 2**30:.1f} GiB can be had"
        raise UserError(Fault(str(folder), what, "Free some space; what is unpacked is kept"))


def _distrusted(member: zipfile.ZipInfo) -> str:
    """Why a member is not to be unpacked; empty if it is."""
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
            shutil.copyfileobj(source, copy, COPY_BYTES)  # checks the CRC, and never gives more than it says
        started.replace(target)
    except OSError as error:
        _remove(started)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # told by the command line
            raise
        what = f"{member.filename!r} cannot be written ({error.strerror})"
        raise UserError(Fault(str(folder), what, "Move what is in its way, or choose another --data")) from None
    except BaseException:
        _remove(started)
        raise


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


@contextmanager
def _source(archive: Path, opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """A member opened; the error of a damaged one without a number of the system's (bz2's) is told as damage."""
    try:
        with opened.open(member) as source:
            yield source
    except OSError as error:
        if error.errno is None:
            raise _damaged(archive, error) from None
        raise


def _is_whole(folder: Path, member: zipfile.ZipInfo) -> bool:
    """Whether the file is there with the member's bytes; equal sizes alone do not say so."""
    crc = 0
    try:
        with (folder / member.filename).open("rb") as file:
            if os.fstat(file.fileno()).st_size != member.file_size:
                return False
            while chunk := file.read(COPY_BYTES):
                crc = zlib.crc32(chunk, crc)
    except OSError:  # it is not there, or not to be read: writing it will tell why
        return False
    return crc == member.CRC


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
