"""The ledger keeps every row, whoever writes and whoever is killed."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulmo.kaggle.ledger import Entry, append, find, latest, read

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
    assert "row 3: is not whole" in capsys.readouterr().err


@settings(max_examples=20, deadline=None)
@given(message=st.text(max_size=80))
def test_any_message_is_one_row(tmp_path_factory: pytest.TempPathFactory, message: str) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.csv"
    message = message.encode("utf-8", "ignore").decode()
    written = append(path, EMPTY._replace(message=message))
    append(path, EMPTY._replace(message="next"))
    assert read(path) == [written, read(path)[1]]
    assert read(path)[1].message == "next"
    assert written.message == " ".join(message.split())


def test_the_state_is_the_last_row(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    first = append(path, EMPTY._replace(competition="osic", sha256="a", status="sending"))
    other = append(path, EMPTY._replace(competition="osic", sha256="b", status="sending"))
    last = append(path, first._replace(status="pending"))
    assert latest(read(path)) == [last, other]
    assert find(path, first) == last
    assert find(path, first._replace(kernel="ada/k/1")) is None
