"""The ledger of what was sent: `submissions/ledger.csv`, to which rows are only ever added.

A submission has a row for each thing that happened to it: `sending` before its first byte leaves, `failed` if it
certainly did not arrive, else `pending`, then `complete` with its scores or `error` with Kaggle's reason. Its last row
is its state. A row is written in one piece under a lock and is on the disk before anything follows from it, so that two
processes may write and either may be killed.

Spreadsheets save such a file in other forms: a byte order mark, semicolons or tabs, decimal commas, columns in another
order, empty columns more. Those are read, and rows are added in the form that is found. Whatever else is done to the
file is an error, never an empty ledger: a row that is not seen would be a submission sent twice.
"""

import csv
import errno
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple

from pulmo.errors import Fault, UserError
from pulmo.kaggle.locking import exclusive, lock
from pulmo.pipeline.log import log

LEDGER = Path("submissions") / "ledger.csv"

SENDING, FAILED, PENDING, COMPLETE, ERROR = "sending", "failed", "pending", "complete", "error"

DELIMITERS = ",;\t"

_RESTORE = "Restore it from your copies or from git, or save it as “CSV UTF-8” with the columns that pulmo wrote"

# What decides whether a file is sent again must be as pulmo wrote it; a spreadsheet makes 1.2E+63 of some digests.
_EXPECTED = {
    "sha256": (re.compile(r"[0-9a-f]*"), "is no SHA-256"),
    "ref": (re.compile(r"[0-9]*"), "is no number of a submission"),
    "status": (re.compile("|".join(("", SENDING, FAILED, PENDING, COMPLETE, ERROR))), "is no status"),
}
_NUMBERS = ("cv_mean", "cv_error", "public_score", "private_score")
_DECIMAL_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]+)")


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


class _Form(NamedTuple):
    """How a ledger's rows are written: the names of its columns in their order, and what stands between them."""

    columns: Sequence[str]
    delimiter: str


_OWN = _Form(Entry._fields, DELIMITERS[0])


class _Damaged(NamedTuple):
    """A row that is not whole: its number, as a spreadsheet counts, and its text."""

    number: int
    text: str


def append(path: Path, entry: Entry) -> Entry:
    """Add a row; `when` is now. The row as written.

    Raises:
        UserError: the ledger cannot be written, or what is there is no ledger.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = Entry(*(" ".join(value.split()) for value in entry._replace(when=now)))
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            lock(file)
            _add(file, path, entry)
    return entry


def _add(file: IO[bytes], path: Path, entry: Entry) -> None:
    file.seek(0)
    before = file.read()
    form = _form(path, _text(path, before)) if before.strip() else _OWN
    text = _line([entry._asdict().get(name, "") for name in form.columns], form.delimiter)
    if not before.strip():
        text = _line(form.columns, form.delimiter) + text
    if before and not before.endswith(b"\n"):
        text = "\n" + text  # the machine stopped in the middle of a row, or an editor left out the last line's end
    try:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    except OSError:
        file.truncate(len(before))  # a disk that is full: no part of a row stays
        raise


def read(path: Path) -> list[Entry]:
    """All rows, in the order they were written; what is no whole row is told and left out.

    Raises:
        UserError: the file cannot be read, or is no ledger any more.
    """
    entries, damaged = _read(path)
    for row in damaged:
        log(f"{path}, row {row.number}: is not whole and is left out")
    return entries


def latest(entries: Iterable[Entry]) -> list[Entry]:
    """The last row of each submission, in the order of their first."""
    states: dict[tuple[str, str, str], Entry] = {}
    for entry in entries:
        states[entry.identity] = entry
    return list(states.values())


def find(path: Path, entry: Entry) -> Entry | None:
    """The state of the submission that `entry` tells of, if it is in the ledger.

    Raises:
        UserError: the ledger cannot be read, or a row that is not whole names this file.
    """
    entries, damaged = _read(path)
    for row in damaged:
        if entry.sha256 and entry.sha256 in row.text:
            what = "is not whole, and names the file that is to be sent"
            remedy = "See on Kaggle whether it has this file; mend the row, or delete it if Kaggle does not"
            raise UserError(Fault(f"{path}, row {row.number}", what, remedy))
    return next((known for known in latest(entries) if known.identity == entry.identity), None)


def sending(path: Path) -> AbstractContextManager[bool]:
    """Only one process at a time sends and notes what it sent, so that no file goes twice; others wait their turn."""
    return exclusive(path.with_suffix(".lock"), "Another process is sending: waiting for it …")


def _read(path: Path) -> tuple[list[Entry], list[_Damaged]]:
    with _explained(path):
        if not path.exists():
            return [], []
        text = _text(path, path.read_bytes())
    if not text.strip():
        return [], []
    form = _form(path, text)
    entries: list[Entry] = []
    damaged: list[_Damaged] = []
    for number, line in enumerate(text.splitlines()[1:], start=2):
        cells = _cells(line, form.delimiter)
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) < len(form.columns) or any(cell.strip() for cell in cells[len(form.columns) :]):
            damaged.append(_Damaged(number, line))
        else:
            entries.append(_entry(path, number, dict(zip(form.columns, cells, strict=False))))
    return entries, damaged


def _text(path: Path, content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4]:
        raise UserError(Fault(str(path), "is saved as UTF-16, not as UTF-8", _RESTORE))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        what = f"holds the byte 0x{content[error.start]:02X}, which is not UTF-8 (a spreadsheet saved it as “CSV”?)"
        raise UserError(Fault(f"{path}, row {row}", what, _RESTORE)) from None


def _form(path: Path, text: str) -> _Form:
    """How the rows are written, by the first line."""
    header = text.splitlines()[0]
    forms = [_Form([name.strip() for name in _cells(header, mark)], mark) for mark in DELIMITERS]
    form = max(forms, key=lambda form: len(set(form.columns) & set(Entry._fields)))
    while form.columns and not form.columns[-1]:  # empty columns, as spreadsheets add them
        form = form._replace(columns=form.columns[:-1])
    if missing := [name for name in Entry._fields if name not in form.columns]:
        raise UserError(Fault(f"{path}, row 1", f"has no column {', '.join(missing)}", _RESTORE))
    if repeated := sorted(name for name in Entry._fields if list(form.columns).count(name) > 1):
        raise UserError(Fault(f"{path}, row 1", f"has the column {', '.join(repeated)} more than once", _RESTORE))
    return form


def _cells(line: str, delimiter: str) -> list[str]:
    """A line's cells. One that a spreadsheet took for a single cell, and wrapped in quotes, is unwrapped."""
    # A line at a time: a stray quote would otherwise take in all rows after it.
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # longer than any row that pulmo writes
        return [line]
    if len(cells) == 1 and line.startswith('"') and cells[0] != line and cells[0].count(delimiter) > 1:
        cells = next(csv.reader(cells, delimiter=delimiter))
    return cells


def _entry(path: Path, number: int, cells: dict[str, str]) -> Entry:
    values = {name: cells[name].strip() for name in Entry._fields}
    for name, (pattern, what) in _EXPECTED.items():
        if not pattern.fullmatch(values[name]):
            raise UserError(Fault(f"{path}, row {number}, {name}", f"{values[name]!r} {what}", _RESTORE))
    for name in _NUMBERS:
        values[name] = _DECIMAL_COMMA.sub(r"\1.\2", values[name])
    return Entry(**values)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """A ledger that may not be read or written, in a sentence; a full disk is told by the command line."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        what = f"cannot be read or written ({error.strerror})"
        raise UserError(Fault(str(error.filename or path), what, "Make it a file that you may write")) from None


def _line(cells: Iterable[str], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", delimiter=delimiter).writerow(cells)
    return text.getvalue()
