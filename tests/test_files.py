"""Folders as people leave them: links, circles, pipes, and names that are not UTF-8."""

import os
from pathlib import Path

import pytest

from pulmo.errors import Fault
from pulmo.files import files_below, folders_below
from pulmo.printable import printable

ODD = os.fsdecode(b"Befund-M\xfcller.txt")


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_below(folder)]


def test_links_to_folders_are_followed(tmp_path: Path) -> None:
    data, store = tmp_path / "data", tmp_path / "store"
    (store / "deep").mkdir(parents=True)
    (store / "deep" / "1.dcm").touch()
    data.mkdir()
    (data / "2.dcm").touch()
    (data / "series").symlink_to(store)
    (data / "file.dcm").symlink_to(store / "deep" / "1.dcm")
    assert names(data) == ["2.dcm", "file.dcm", "series/deep/1.dcm"]
    assert names(tmp_path / "data" / "series") == ["deep/1.dcm"]


def test_circles_and_links_to_nowhere_end(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "1.dcm").touch()
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a" / "b")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert names(tmp_path) == ["a/b/1.dcm"]
    assert [place.name for place, _ in folders_below(tmp_path)] == [tmp_path.name, "a", "b"]


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert names(tmp_path) == []


def test_no_folder_has_no_files(tmp_path: Path) -> None:
    assert files_below(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("name", "text"), [(ODD, "Befund-M\\xfcller.txt"), ("Müller −.txt", "Müller −.txt"), ("\ud800", "\\ud800")]
)
def test_a_name_that_is_not_utf_8_can_be_printed(name: str, text: str) -> None:
    assert printable(name) == text
    assert printable(Path(name)) == text


def test_faults_can_be_printed_whatever_file_they_name() -> None:
    fault = Fault(ODD, f"{ODD} left out", f"Remove {ODD}")
    assert str(fault).encode().count(b"M\\xfcller") == 3
