"""A lock file: one holder at a time, gone afterwards."""

import sys
import threading
from pathlib import Path

import pytest

from pulmo.kaggle.locking import exclusive, lock

fcntl = pytest.importorskip("fcntl", reason="this system has no locks of files")


def test_a_lock_is_made_with_its_folder_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "folder/a.lock"
    with exclusive(path, "busy") as waited:
        assert not waited
        assert path.is_file()
    assert list(path.parent.iterdir()) == []
    assert capsys.readouterr().err == ""


def test_a_lock_is_removed_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyError), exclusive(tmp_path / "a.lock", ""):
        raise KeyError
    assert not (tmp_path / "a.lock").exists()


def test_the_second_holder_says_so_waits_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, waited = tmp_path / "a.lock", []
    first = path.open("ab")
    assert not lock(first)

    def second() -> None:
        with exclusive(path, "another process is at it") as other_first:
            waited.append((other_first, path.is_file()))

    thread = threading.Thread(target=second)
    thread.start()
    thread.join(0.1)
    assert waited == []
    path.unlink()  # as the holder does; whoever waited for this file looks for the one at its place
    first.close()
    thread.join(5)
    assert waited == [(True, True)]
    assert capsys.readouterr().err == "another process is at it\n"
    assert not path.exists()


def test_where_the_system_has_no_locks_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows, which cannot import it
    with (tmp_path / "a.lock").open("ab") as first, (tmp_path / "a.lock").open("ab") as second:
        assert (lock(first), lock(second)) == (False, False)


def test_a_wait_without_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "a.lock").open("ab") as first, (tmp_path / "a.lock").open("ab") as second:
        assert not lock(first)
        threading.Timer(0.05, first.close).start()
        assert lock(second)
    assert capsys.readouterr().err == ""
