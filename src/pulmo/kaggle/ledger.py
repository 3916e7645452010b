"""The ledger of what was sent: `submissions/ledger.csv`, to which rows are only ever added.

A submission has a row for each thing that happened to it: `sending` before its first byte leaves, `failed` if it did
not arrive, else `pending`, then `complete` with its scores or `error` with Kaggle's reason. Its last row is its state.
A row is written in one piece under a lock and is on the disk before anything follows from it, so that two processes
may write and either may be killed.
"""

import csv
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple

from pulmo.pipeline.telling import tell

LEDGER = Path("submissions") / "ledger.csv"

SENDING, FAILED, PENDING, COMPLETE, ERROR = "sending", "failed", "pending", "complete", "error"


class Entry(NamedTuple):
    """A row: all text, empty where nothing is known. `kernel` is `owner/slug/version` in a code competition."""

    when: str
    competition: str
    run: str
    sha256: str
    git_commit: str
    git_clean: str
    settings: str
    cv_mean: str
    cv_error: str
    message: str
    kernel: str
    ref: str
    status: str
    public_score: str
    private_score: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes two rows tell of the same submission."""
        return self.competition, self.sha256, self.kernel


def append(path: Path, entry: Entry) -> Entry:
    """Add a row; `when` is now. The row as written."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = Entry(*(" ".join(value.split()) for value in entry._replace(when=now)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file, _locked(file):
        text = _csv_line(entry)
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            text = _csv_line(Entry._fields) + text
        elif not _ends_a_line(file):
            text = "\n" + text  # the machine stopped in the middle of a row, or an editor left out the last line's end
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    return entry


def read(path: Path) -> list[Entry]:
    """All rows, in the order they were written; what is no row is told and left out."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    entries = []
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) == len(Entry._fields):
            entries.append(Entry(*cells))
        elif cells:
            tell(f"{path}, row {number}: is not whole and is left out")
    return entries


def latest(entries: Iterable[Entry]) -> list[Entry]:
    """The last row of each submission, in the order of their first."""
    states: dict[tuple[str, str, str], Entry] = {}
    for entry in entries:
        states[entry.identity] = entry
    return list(states.values())


def find(path: Path, entry: Entry) -> Entry | None:
    """The state of the submission that `entry` tells of, if it is in the ledger."""
    return next((known for known in latest(read(path)) if known.identity == entry.identity), None)


@contextmanager
def sending(path: Path) -> Iterator[None]:
    """Only one process at a time sends and notes what it sent, so that no file goes twice; others wait their turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("ab") as file, _locked(file, "Another process is sending: waiting for it …"):
        yield


@contextmanager
def _locked(file: IO[bytes], busy: str = "") -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows has no such lock: there, two at once are the user's own care
        yield
        return
    # Let go of when the file is closed, or its process ends.
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if busy:
            tell(busy)
        fcntl.flock(file, fcntl.LOCK_EX)
    yield


def _ends_a_line(file: IO[bytes]) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _csv_line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
