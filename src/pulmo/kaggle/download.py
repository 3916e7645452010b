"""A competition's files downloaded: one archive, resumed where it stopped, unpacked and counted."""

import json
import shutil
from pathlib import Path
from typing import Any

import requests
from kagglesdk.competitions.types.competition_api_service import (
    ApiDownloadDataFilesRequest,
    ApiGetCompetitionDataFilesSummaryRequest,
)

from pulmo.errors import Fault, UserError
from pulmo.kaggle.client import as_user_errors, connected, web_session
from pulmo.kaggle.locking import exclusive
from pulmo.kaggle.unpack import DamagedArchiveError, unpack
from pulmo.pipeline.log import log
from pulmo.pipeline.progress import bar

CHUNK_BYTES = 2**20
FETCHED = ".fetched"  # suffix of a complete archive


def download(slug: str, folder: Path) -> int:
    """Download a competition's archive and unpack it into a folder.

    An interrupted download is resumed: the archive at its last byte if Kaggle's is unchanged, the unpacking at the
    first missing file. A second process waits for the first. The user's own archive beside the folder is neither read
    nor changed.

    Returns:
        The number of files.

    Raises:
        UserError: Kaggle refuses, the archive is damaged or unsafe, or files are missing from it.
    """
    archive = folder.with_name(f"{folder.name}.zip{FETCHED}")
    busy = f"Another process is downloading into {folder}: waiting for it …"
    with connected() as client, exclusive(folder.with_name(f"{folder.name}.lock"), busy) as waited:
        competitions = client.competitions.competition_api_client
        expected = _count(competitions, slug)
        if waited and expected and _is_done(folder, archive, expected):
            return expected
        if not archive.is_file():
            _fetch(competitions, slug, archive)
        count = _unpack(archive, folder)
        if expected and count != expected:
            remedy = f"Delete {archive} and download it again"
            raise UserError(Fault(str(archive), f"holds {count} files, but Kaggle lists {expected}", remedy))
        archive.unlink()
        return count


def fetch(url: str, target: Path) -> None:
    """Download a signed address into a file, complete or not at all; an earlier part is resumed.

    Raises:
        UserError: it cannot be reached, or ended early.
    """
    with as_user_errors(f"fetching {target.name}"), web_session() as session:
        _resume(session, url, target, target.with_name(f"{target.name}.part"))


def _is_done(folder: Path, archive: Path, expected: int) -> bool:
    """Whether the process that held the lock has finished: no partial file is left, and all files are there."""
    partial = (archive, *_parts(archive))
    return not any(path.exists() for path in partial) and sum(path.is_file() for path in folder.rglob("*")) == expected


def _unpack(archive: Path, folder: Path) -> int:
    try:
        return unpack(archive, folder)
    except DamagedArchiveError:
        archive.unlink()  # this command downloaded it and does so again
        raise


def _count(competitions: Any, slug: str) -> int:
    request = ApiGetCompetitionDataFilesSummaryRequest()
    request.competition_name = slug
    summary = competitions.get_competition_data_files_summary(request).file_summary_info
    return int(summary.total_file_count) if summary else 0


def _fetch(competitions: Any, slug: str, archive: Path) -> None:
    request = ApiDownloadDataFilesRequest()
    request.competition_name = slug
    with competitions.download_data_files(request) as response:
        url = response.url  # the redirect's target, signed and valid without credentials
    log(f"Downloading {slug}.zip; if interrupted, the same command resumes it.")
    with as_user_errors(f"fetching {slug}.zip"), web_session() as session:
        _resume(session, url, archive, _parts(archive)[0])


def _parts(archive: Path) -> tuple[Path, Path]:
    """The partial file of an archive, and the file with its version."""
    part = archive.with_name(f"{archive.name.removesuffix(FETCHED)}.part")
    return part, _version_file(part)


def _version_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _resume(session: requests.Session, url: str, target: Path, part: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    have, version = _partial(part)
    # If-Range: the rest of the same version or all of a new one, never a mixture.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-", "If-Range": version} if have else {})
    with session.get(url, headers=headers, stream=True) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            complete = response.headers.get("Content-Range", "").rpartition("/")[2] == str(have)
        else:
            response.raise_for_status()
            resumed = response.status_code == requests.codes.partial_content
            _receive(response, target, part, have if resumed else 0)
            complete = True
    if not complete:  # the partial file is longer than Kaggle's archive, so it is another one
        part.unlink()
        _resume(session, url, target, part)
        return
    part.replace(target)
    _version_file(part).unlink(missing_ok=True)


def _receive(response: requests.Response, target: Path, part: Path, have: int) -> None:
    """Write the bytes after the first `have`.

    Raises:
        UserError: there is not enough disk space, or the download ended early.
    """
    coming = int(response.headers.get("Content-Length", 0))
    free = shutil.disk_usage(part.parent).free + (part.stat().st_size - have if part.is_file() else 0)
    if coming > free:
        what = f"needs {coming / 2**30:.1f} GiB more, of which {free / 2**30:.1f} GiB are free"
        raise UserError(Fault(str(part.parent), what, "Free some space; the downloaded part is kept"))
    if not have:
        part.unlink(missing_ok=True)  # before its version is replaced, so that bytes and version always match
        _write_version(part, response.headers.get("ETag", ""))
    _write(response, part, have, have + coming)
    if part.stat().st_size < have + coming:
        what = f"ended at {part.stat().st_size} of {have + coming} bytes"
        raise UserError(Fault(target.name.removesuffix(FETCHED), what, "Try again: the download is resumed"))


def _write_version(part: Path, version: str) -> None:
    started = part.with_name(f"{part.name}.started")
    started.write_text(json.dumps(version))
    started.replace(_version_file(part))


def _partial(part: Path) -> tuple[int, str]:
    """The number of bytes already downloaded, and their version; 0 where the version is unknown."""
    try:
        version = json.loads(_version_file(part).read_text())
    except (FileNotFoundError, ValueError):  # missing or incomplete: the disk was full, or the process was killed
        return 0, ""
    known = isinstance(version, str) and version and part.is_file()
    return (part.stat().st_size, version) if known else (0, "")


def _write(response: requests.Response, part: Path, have: int, total: int) -> None:
    with part.open("r+b" if have else "wb") as file, bar() as display:
        file.seek(have)
        task = display.add_task("MiB downloaded", total=total >> 20, completed=have >> 20)
        for chunk in response.iter_content(CHUNK_BYTES):
            file.write(chunk)
            display.update(task, completed=file.tell() >> 20)
