"""A competition's files fetched: one archive, gone on with where it stopped, unpacked and counted."""

import json
from pathlib import Path
from typing import Any

import requests
from kagglesdk.competitions.types.competition_api_service import (
    ApiDownloadDataFilesRequest,
    ApiGetCompetitionDataFilesSummaryRequest,
)

from pulmo.errors import Fault, UserError
from pulmo.kaggle.client import connected, in_plain_words, web_session
from pulmo.kaggle.unpack import unpack
from pulmo.pipeline.progress import bar
from pulmo.pipeline.telling import tell

CHUNK_BYTES = 2**20


def download(slug: str, folder: Path) -> int:
    """Fetch a competition's archive and unpack it into a folder.

    Stopped and called again, it goes on: with the archive's bytes if Kaggle's archive is still the same, then with the
    files that are not there yet.

    Returns:
        How many files there are.

    Raises:
        UserError: Kaggle refuses, the archive is damaged or not to be trusted, or files are missing from it.
    """
    archive = folder.with_name(f"{folder.name}.zip")
    with connected() as client:
        competitions = client.competitions.competition_api_client
        expected = _count(competitions, slug)
        if not archive.is_file():
            _fetch(competitions, slug, archive)
    count = unpack(archive, folder)
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
        _continue(session, url, target)


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
    tell(f"Fetching {archive.name}; the same command goes on from here if it is stopped.")
    fetch(url, archive)


def _continue(session: requests.Session, url: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part, mark = (target.with_name(target.name + ending) for ending in (".part", ".part.json"))
    have, version = _kept(part, mark)
    # If-Range: the rest of the same version, or the whole of a new one; never the two mixed.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-", "If-Range": version} if have else {})
    with session.get(url, headers=headers, stream=True) as response:
        if response.status_code != requests.codes.requested_range_not_satisfiable:
            response.raise_for_status()
            resumed = response.status_code == requests.codes.partial_content
            have = have if resumed else 0
            mark.write_text(json.dumps(response.headers.get("ETag", "")))
            total = have + int(response.headers.get("Content-Length", 0))
            _write(response, part, have, total)
            if part.stat().st_size < total:
                remedy = "Try again: it goes on from here"
                raise UserError(Fault(target.name, f"ended at {part.stat().st_size} of {total} bytes", remedy))
    mark.unlink()
    part.replace(target)


def _kept(part: Path, mark: Path) -> tuple[int, str]:
    """How many bytes there are already, and of which version; 0 where that is not known."""
    version = json.loads(mark.read_text()) if mark.is_file() else ""
    return (part.stat().st_size, version) if version and part.is_file() else (0, "")


def _write(response: requests.Response, part: Path, have: int, total: int) -> None:
    with part.open("r+b" if have else "wb") as file, bar() as display:
        file.seek(have)
        task = display.add_task("MiB fetched", total=total >> 20, completed=have >> 20)
        for chunk in response.iter_content(CHUNK_BYTES):
            file.write(chunk)
            display.update(task, completed=file.tell() >> 20)
