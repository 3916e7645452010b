import errno
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from pulmo.errors import Fault, UserError
from pulmo.pipeline.disk import atomically, writable_folder, writing_to

Usage = namedtuple("Usage", "total used free")


def test_an_error_without_a_name_gets_the_folders(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full") as error, writing_to(tmp_path):
        raise OSError(errno.ENOSPC, "full")
    assert error.value.filename == str(tmp_path)
    with pytest.raises(OSError, match="full") as error, writing_to(tmp_path):
        raise OSError(errno.ENOSPC, "full", "file")
    assert error.value.filename == "file"


def test_a_full_disk_is_known_in_any_librarys_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1, 1, 0))
    with pytest.raises(OSError, match="No space") as error, writing_to(tmp_path / "not/yet"):
        raise RuntimeError("unable to flush")
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, str(tmp_path / "not/yet"))
    with pytest.raises(UserError), writing_to(tmp_path):
        raise UserError(Fault("a", "b", "c"))


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")

    def half(started: Path) -> None:
        started.write_text("half")
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        atomically(path, half)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    atomically(path, lambda started: started.write_text("after"))
    assert path.read_text() == "after"


def test_where_nothing_can_be_written_is_known_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writable_folder(tmp_path / "a/b")
    assert (tmp_path / "a/b").is_dir()
    monkeypatch.setattr("os.access", lambda path, mode: False)  # the root user may write everywhere
    with pytest.raises(PermissionError) as error:
        writable_folder(tmp_path)
    assert error.value.filename == str(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        writable_folder(tmp_path / "file")


@pytest.mark.parametrize(("free", "full"), [(65_535, True), (65_536, False)])
def test_a_disk_is_full_below_64_kib(free: int, full: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - free, free))
    with pytest.raises(OSError if full else RuntimeError), writing_to(tmp_path):
        raise RuntimeError("unable to flush")
