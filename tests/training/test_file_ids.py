"""Images are found by their names, wherever they lie; a table whose ids match none is told why."""

from pathlib import Path

import pytest

from pulmo.errors import UserError
from pulmo.training.file_ids import check_same_ids, dicom_files


def test_files_in_folders_in_capitals_and_behind_links_are_found(tmp_path: Path) -> None:
    for name in ("images/b.dcm", "images/study/a.DCM", "elsewhere/c.dcm", "images/._b.dcm", "images/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "images/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "images/circle").symlink_to(tmp_path / "images")
    found = dicom_files(tmp_path / "images")
    assert list(found) == ["a", "b", "c"]
    assert found["a"] == tmp_path / "images/study/a.DCM"
    assert dicom_files(tmp_path / "nowhere") == {}
    (tmp_path / "images/study/b.dcm").touch()
    with pytest.raises(UserError, match=r"study/b\.dcm: is there again as .*images/b\.dcm"):
        dicom_files(tmp_path / "images")


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (["a.dcm", "b.dcm"], r"its ids end in \.dcm, such as 'a\.dcm'\. Write them without"),
        (["A", "B"], "other small and capital letters than the files, such as 'A'"),
        (["x", "y"], "none of its 2 ids, such as 'x', is the name of a file in images, such as 'a'"),
    ],
)
def test_ids_that_have_no_file_are_told_why(ids: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        check_same_ids(ids, ["a", "b"], "train.csv", "images")
    with pytest.raises(UserError, match=r"images: holds no file that ends in \.dcm"):
        check_same_ids(ids, [], "train.csv", "images")


def test_one_id_that_has_a_file_is_enough() -> None:
    check_same_ids(["a", "x"], ["a", "b"], "train.csv", "images")
