"""A competition's files fetched: one archive, gone on with where it stopped, unpacked and counted."""

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
from pulmo.kaggle.client import connected, in_plain_words, web_session
from pulmo.kaggle.locking import exclusive
from pulmo.kaggle.unpack import DamagedArchiveError, unpack
from pulmo.pipeline.log import log
from pulmo.pipeline.progress import bar

CHUNK_BYTES = 2**20
FETCHED = ".fetched"  # after the archive's name, once it is whole


def download(slug: str, folder: Path) -> int:
    """Fetch a competition's archive and unpack it into a folder.

    Stopped and called again, it goes on: with the archive's bytes if Kaggle's archive is still the same, then with the
    files that are not there yet. A second process waits for the first. An archive that the user has put beside the
    folder is neither read nor touched.

    Returns:
        How many files there are.

    Raises:
        UserError: Kaggle refuses, the archive is damaged or not to be trusted, or files are missing from it.
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
    """Fetch a signed address into a file, whole or not at all; what came of it before is gone on with.

    Raises:
        UserError: it cannot be reached, or ended early.
    """
    with in_plain_words(f"fetching {target.name}"), web_session() as session:
        _continue(session, url, target, target.with_name(f"{target.name}.part"))


def _is_done(folder: Path, archive: Path, expected: int) -> bool:
    """Whether the process that was waited for has ended well: nothing is left over, and all files are there."""
    left = (archive, *_parts(archive))
    return not any(path.exists() for path in left) and sum(path.is_file() for path in folder.rglob("*")) == expected


def _unpack(archive: Path, folder: Path) -> int:
    try:
        return unpack(archive, folder)
    except DamagedArchiveError:
        archive.unlink()  # fetched by this command, which fetches it again
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
        url = response.url  # where Kaggle's redirect led: signed, and good without credentials
    log(f"Fetching {slug}.zip; the same command goes on from here if it is stopped.")
    with in_plain_words(f"fetching {slug}.zip"), web_session() as session:
        _continue(session, url, archive, _parts(archive)[0])


def _parts(archive: Path) -> tuple[Path, Path]:
    """Where an archive is fetched to, and the mark of its version."""
    part = archive.with_name(f"{archive.name.removesuffix(FETCHED)}.part")
    return part, _mark_of(part)


def _mark_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _continue(session: requests.Session, url: str, target: Path, part: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    have, version = _kept(part)
    # If-Range: the rest of the same version, or the whole of a new one; never the two mixed.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-", "If-Range": version} if have else {})
    with session.get(url, headers=headers, stream=True) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            whole = response.headers.get("Content-Range", "").rpartition("/")[2] == str(have)
        else:
            response.raise_for_status()
            resumed = response.status_code == requests.codes.partial_content
            _receive(response, target, part, have if resumed else 0)
            whole = True
    if not whole:  # there is more than Kaggle has: what is here is something else
        part.unlink()
        _continue(session, url, target, part)
        return
    part.replace(target)
    _mark_of(part).unlink(missing_ok=True)


def _receive(response: requests.Response, target: Path, part: Path, have: int) -> None:
    """Write what comes after the first `have` bytes.

    Raises:
        UserError: the disk has no room for it, or it ended early.
    """
    coming = int(response.headers.get("Content-Length", 0))
    free = shutil.disk_usage(part.parent).free + (part.stat().st_size - have if part.is_file() else 0)
    if coming > free:
        what = f"needs {coming / 2**30:.1f} GiB more, of which {free / 2**30:.1f} GiB can be had"
        raise UserError(Fault(str(part.parent), what, "Free some space; what is fetched is kept"))
    if not have:
        part.unlink(missing_ok=True)  # before its mark is replaced: bytes of one version, the mark of another
        _write_mark(part, response.headers.get("ETag", ""))
    _write(response, part, have, have + coming)
    if part.stat().st_size < have + coming:
        what = f"ended at {part.stat().st_size} of {have + coming} bytes"
        raise UserError(Fault(target.name.removesuffix(FETCHED), what, "Try again: it goes on from here"))


def _write_mark(part: Path, version: str) -> None:
    started = part.with_name(f"{part.name}.started")
    started.write_text(json.dumps(version))
    started.replace(_mark_of(part))


def _kept(part: Path) -> tuple[int, str]:
    """How many bytes there are already, and of which version; 0 where that is not known."""
    try:
        version = json.loads(_mark_of(part).read_text())
    except (FileNotFoundError, ValueError):  # not there, or not whole: the disk was full, or the process was killed
        return 0, ""
    known = isinstance(version, str) and version and part.is_file()
    return (part.stat().st_size, version) if known else (0, "")


def _write(response: requests.Response, part: Path, have: int, total: int) -> None:
    with part.open("r+b" if have else "wb") as file, bar() as display:
        file.seek(have)
        task = display.add_task("MiB fetched", total=total >> 20, completed=have >> 20)
        for chunk in response.iter_content(CHUNK_BYTES):
            file.write(chunk)
            display.update(task, completed=file.tell() >> 20)
