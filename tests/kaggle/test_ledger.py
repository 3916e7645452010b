"""The ledger keeps every row, whoever writes and whoever is killed."""

import csv
import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulmo.errors import UserError
from pulmo.kaggle.ledger import Entry, append, find, latest, read
from tests.support import run_pulmo

EMPTY = Entry(*[""] * len(Entry._fields))

WRITER = """
import sys
from pathlib import Path
from pulmo.kaggle.ledger import Entry, append
for number in range(40):
    empty = Entry(*[""] * len(Entry._fields))
    append(Path(sys.argv[1]), empty._replace(sha256=f"{sys.argv[2]}{number}", message="x" * 5000))
"""


def test_two_processes_lose_no_row(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    expected = {f"{name}{number}" for name in "ab" for number in range(40)}
    assert {entry.sha256 for entry in read(path)} == expected
    assert len(path.read_text().splitlines()) == 81


def test_a_torn_row_costs_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ledger.csv"
    append(path, EMPTY._replace(sha256="a"))
    with path.open("a") as file:
        file.write("2026-01-01T00:00:00+00:00,osic,torn")
    append(path, EMPTY._replace(sha256="b"))
    assert [entry.sha256 for entry in read(path)] == ["a", "b"]
    assert "row 3: is incomplete" in capsys.readouterr().err


@settings(max_examples=20)
@given(message=st.text(max_size=80))
def test_any_message_is_one_row(tmp_path_factory: pytest.TempPathFactory, message: str) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.csv"
    message = message.encode("utf-8", "ignore").decode()
    written = append(path, EMPTY._replace(message=message))
    append(path, EMPTY._replace(message="next"))
    assert read(path) == [written, read(path)[1]]
    assert read(path)[1].message == "next"
    assert written.message == " ".join(message.split())


LEDGER = [
    EMPTY._replace(when="2026-01-01T00:00:00+00:00", competition="osic", sha256="a1", cv_mean="-6.9", message="früh"),
    EMPTY._replace(when="2026-01-02T00:00:00+00:00", competition="osic", sha256="b2", ref="7", public_score="-6.85"),
    EMPTY._replace(when="2026-01-03T00:00:00+00:00", competition="siim", sha256="c3", message='a, "b"; c'),
]


def saved(
    encoding: str = "utf-8",
    delimiter: str = ",",
    end: str = "\n",
    columns: tuple[str, ...] = Entry._fields,
    more: int = 0,
    comma: bool = False,
) -> bytes:
    """The ledger as another program may save it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow([*columns, *[""] * more])
    for entry in LEDGER:
        values = entry._asdict()
        if comma:
            values |= {name: values[name].replace(".", ",") for name in ("cv_mean", "public_score")}
        writer.writerow([*(values[name] for name in columns), *[""] * more])
    return text.getvalue().encode(encoding)


TURNED = tuple(reversed(Entry._fields))
FORMS = {
    "as pulmo writes it": saved(),
    "CSV UTF-8 of a spreadsheet": saved("utf-8-sig", end="\r\n"),
    "the same, German": saved("utf-8-sig", ";", "\r\n", comma=True),
    "tabs": saved(delimiter="\t", comma=True),
    "columns in another order": saved(columns=TURNED),
    "a column of the user's": saved(columns=(*TURNED, "note")[:-1], more=3),
    "no line end": saved().rstrip(b"\n"),
    "empty rows": saved() + b",,,,,,,,,,,,,,\n\n  \n",
    "each row one quoted cell": b"\r\n".join(
        b'"' + line.replace(b'"', b'""') + b'"' if b'"' in line else line for line in saved().splitlines()
    ),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS.keys())
def test_ledgers_saved_by_spreadsheets(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.csv"
    path.write_bytes(content)
    assert read(path) == LEDGER
    assert find(path, LEDGER[1]) == LEDGER[1]
    added = append(path, LEDGER[1]._replace(status="complete", message="next; with, all"))
    assert read(path) == [*LEDGER, added]
    assert path.read_bytes().startswith(content)


UNREADABLE = {
    "cp1252": (saved("cp1252"), r"row 2: holds the byte 0xFC, which is not UTF-8"),
    "UTF-16": (saved("utf-16"), "is saved as UTF-16"),
    "UTF-16 without a mark": (saved("utf-16-le"), "is saved as UTF-16"),
    "no header": (saved().split(b"\n", 1)[1], "row 1: has no column when"),
    "a column deleted": (saved(columns=Entry._fields[:3] + Entry._fields[4:]), "row 1: has no column sha256"),
    "a column twice": (saved(columns=(*Entry._fields, "ref")), "row 1: has the column ref more than once"),
    "a digest as a number": (saved().replace(b",a1,", b",1.2E+63,"), r"row 2, sha256: '1\.2E\+63' is no SHA-256"),
    "a reference as a number": (saved().replace(b",7,", b",7.0,"), r"row 3, ref: '7\.0' is no number of a submission"),
    "another language": (saved().replace(b",7,,", b",7,fertig,"), r"row 3, status: 'fertig' is no status"),
    "a spreadsheet": (b"PK\x03\x04\x14\x00\x06\x00\xff", "is saved as UTF-16|is not UTF-8"),
}


@pytest.mark.parametrize(("content", "message"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_unreadable_ledger_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    path = tmp_path / "submissions/ledger.csv"
    path.parent.mkdir()
    path.write_bytes(content)
    for attempt in (lambda: read(path), lambda: find(path, LEDGER[0])):
        with pytest.raises(UserError, match=message):
            attempt()
    monkeypatch.chdir(tmp_path)
    code, out, err = run_pulmo(capsys, "submissions")
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    assert path.read_bytes() == content


def test_an_incomplete_row_of_the_file_stops_its_submission(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    append(path, EMPTY._replace(sha256="a"))
    with path.open("a") as file:
        file.write("2026-01-01T00:00:00+00:00,osic,full,b2b2")
    with pytest.raises(UserError, match="row 3: is incomplete, and names the file"):
        find(path, EMPTY._replace(sha256="b2b2"))
    assert find(path, EMPTY._replace(sha256="a")) is not None


def test_an_unbalanced_quote_affects_one_row(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_bytes(saved().replace("früh".encode(), '"früh'.encode()))
    assert read(path) == LEDGER[1:]


def test_a_full_disk_leaves_no_partial_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.csv"
    append(path, EMPTY._replace(sha256="a"))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):  # a sentence of the command line's
        append(path, EMPTY._replace(sha256="b"))
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["a folder", "a file in place of its folder"])
def test_a_ledger_that_is_no_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "submissions/ledger.csv"
    if kind == "a folder":
        path.mkdir(parents=True)
    else:
        path.parent.write_text("")
    with pytest.raises(UserError, match="cannot be read or written"):
        append(path, EMPTY)


def test_the_state_is_the_last_row(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    first = append(path, EMPTY._replace(competition="osic", sha256="a", status="sending"))
    other = append(path, EMPTY._replace(competition="osic", sha256="b", status="sending"))
    last = append(path, first._replace(status="pending"))
    assert latest(read(path)) == [last, other]
    assert find(path, first) == last
    assert find(path, first._replace(kernel="ada/k/1")) is None
