"""A zip archive unpacked without trusting it: nothing outside the folder, no links, no bomb."""

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from pulmo.errors import Fault, UserError
from pulmo.pipeline.progress import track

MOST_TIMES_LARGER = 200  # than the archive: tables of zeros reach 100, a bomb 1,000 and more
SPARE_BYTES = 2**30
COPY_BYTES = 2**20


def unpack(archive: Path, folder: Path) -> int:
    """Unpack an archive into a folder; files that are there in full are kept.

    Returns:
        How many files the archive holds.

    Raises:
        UserError: it is no zip archive, is damaged, or would write outside the folder or fill the disk. Nothing has
            been written then, unless a file inside turned out to be damaged.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            files = [member for member in opened.infolist() if not member.is_dir()]
            _check(archive, folder, files)
            for member in track(files, "files unpacked", len(files)):
                _unpack_file(opened, member, folder / member.filename)
            return len(files)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise UserError(Fault(str(archive), f"is damaged ({error})", "Delete it and download it again")) from None


def _check(archive: Path, folder: Path, files: list[zipfile.ZipInfo]) -> None:
    faults = [
        Fault(str(archive), f"{member.filename!r} {why}", "Do not trust this archive: download it again")
        for member in files
        if (why := _distrusted(member))
    ]
    if faults:
        raise UserError(faults)
    total = sum(member.file_size for member in files)
    if total > MOST_TIMES_LARGER * archive.stat().st_size:
        what = f"would unpack to {total / 2**30:.1f} GiB, over {MOST_TIMES_LARGER} times its size"
        raise UserError(Fault(str(archive), what, "Do not trust this archive: download it again"))
    wanted = sum(member.file_size for member in files if not _is_whole(folder / member.filename, member))
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


def _unpack_file(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    if _is_whole(target, member):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    started = target.with_name(target.name + ".started")
    with opened.open(member) as source, started.open("wb") as copy:  # checks the CRC, and never gives more than it says
        shutil.copyfileobj(source, copy, COPY_BYTES)
    started.replace(target)


def _is_whole(path: Path, member: zipfile.ZipInfo) -> bool:
    return path.is_file() and path.stat().st_size == member.file_size


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
