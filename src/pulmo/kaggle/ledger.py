"""The ledger of submissions: `submissions/ledger.csv`, an append-only table.

A submission has a row for each change of its status: `sending` before its upload, `failed` if it certainly did not
arrive, else `pending`, then `complete` with its scores or `error` with Kaggle's reason. Its last row is its state. A
row is written atomically under a lock and flushed to disk before the next step, so that two processes may write and
either may be killed.

Spreadsheets save such a file in other formats: a byte order mark, semicolons or tabs, decimal commas, columns in
another order, additional empty columns. Those are read, and rows are added in the format found. Any other change of the
file is an error, never an empty ledger: an overlooked row would be a submission sent twice.
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

# Columns that decide whether a file is sent again must be unchanged; spreadsheets turn some digests into 1.2E+63.
_EXPECTED = {
    "sha256": (re.compile(r"[0-9a-f]*"), "is no SHA-256"),
    "ref": (re.compile(r"[0-9]*"), "is no number of a submission"),
    "status": (re.compile("|".join(("", SENDING, FAILED, PENDING, COMPLETE, ERROR))), "is no status"),
}
_NUMBERS = ("cv_mean", "cv_error", "public_score", "private_score")
_DECIMAL_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]+)")


class Entry(NamedTuple):
    """A row: all text, empty where unknown. `kernel` is `owner/slug/version` in a code competition."""

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
        """The values that rows of the same submission share."""
        return self.competition, self.sha256, self.kernel


class _Format(NamedTuple):
    """The format of a ledger's rows: its columns in order, and the delimiter between cells."""

    columns: Sequence[str]
    delimiter: str


_DEFAULT = _Format(Entry._fields, DELIMITERS[0])


class _Damaged(NamedTuple):
    """An incomplete row: its number, as a spreadsheet counts, and its text."""

    number: int
    text: str


def append(path: Path, entry: Entry) -> Entry:
    """Add a row with the current time as `when`; the row as written.

    Raises:
        UserError: the ledger cannot be written, or the file is no ledger.
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
    form = _form(path, _text(path, before)) if before.strip() else _DEFAULT
    text = _line([entry._asdict().get(name, "") for name in form.columns], form.delimiter)
    if not before.strip():
        text = _line(form.columns, form.delimiter) + text
    if before and not before.endswith(b"\n"):
        text = "\n" + text  # the last row was interrupted, or an editor removed the final line end
    try:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    except OSError:
        file.truncate(len(before))  # a full disk: no partial row is left
        raise


def read(path: Path) -> list[Entry]:
    """All complete rows, in the order they were written; incomplete ones are logged.

    Raises:
        UserError: the file cannot be read, or is no ledger.
    """
    entries, damaged = _read(path)
    for row in damaged:
        log(f"{path}, row {row.number}: is incomplete and is left out")
    return entries


def latest(entries: Iterable[Entry]) -> list[Entry]:
    """The last row of each submission, in the order of their first."""
    states: dict[tuple[str, str, str], Entry] = {}
    for entry in entries:
        states[entry.identity] = entry
    return list(states.values())


def find(path: Path, entry: Entry) -> Entry | None:
    """The last row of the same submission as `entry`; None if the ledger has none.

    Raises:
        UserError: the ledger cannot be read, or an incomplete row names this file.
    """
    entries, damaged = _read(path)
    for row in damaged:
        if entry.sha256 and entry.sha256 in row.text:
            what = "is incomplete, and names the file that is to be sent"
            remedy = "Check whether Kaggle has this file; correct the row, or delete it if Kaggle does not"
            raise UserError(Fault(f"{path}, row {row.number}", what, remedy))
    return next((known for known in latest(entries) if known.identity == entry.identity), None)


def sending(path: Path) -> AbstractContextManager[bool]:
    """Let one process at a time send and record a submission, so that no file is sent twice; others wait."""
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


def _form(path: Path, text: str) -> _Format:
    """The format of the rows, from the first line."""
    header = text.splitlines()[0]
    formats = [_Format([name.strip() for name in _cells(header, mark)], mark) for mark in DELIMITERS]
    form = max(formats, key=lambda form: len(set(form.columns) & set(Entry._fields)))
    while form.columns and not form.columns[-1]:  # empty columns, as spreadsheets add them
        form = form._replace(columns=form.columns[:-1])
    if missing := [name for name in Entry._fields if name not in form.columns]:
        raise UserError(Fault(f"{path}, row 1", f"has no column {', '.join(missing)}", _RESTORE))
    if repeated := sorted(name for name in Entry._fields if list(form.columns).count(name) > 1):
        raise UserError(Fault(f"{path}, row 1", f"has the column {', '.join(repeated)} more than once", _RESTORE))
    return form


def _cells(line: str, delimiter: str) -> list[str]:
    """A line's cells; a line that a spreadsheet has quoted as a single cell is unquoted."""
    # One line at a time: an unbalanced quote would otherwise swallow all rows after it.
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # longer than any row of a ledger
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
    """Turn an unreadable or read-only ledger into a `UserError`; the command line explains a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        what = f"cannot be read or written ({error.strerror})"
        raise UserError(Fault(str(error.filename or path), what, "Make it a writable file")) from None


def _line(cells: Iterable[str], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", delimiter=delimiter).writerow(cells)
    return text.getvalue()
