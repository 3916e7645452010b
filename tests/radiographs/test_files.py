"""Images are found by their names, wherever they lie; where none is, the reason is told."""

from pathlib import Path

import pandas as pd
import pytest

from pulmo.errors import UserError
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.files import (
    ImageFolder,
    files_of_table,
    find_images,
    first_existing,
    image_files,
    no_image,
    requested_images,
)
from tests.radiographs.support import stage_of


def _fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_files_in_folders_in_capitals_and_behind_links_are_found(tmp_path: Path) -> None:
    _fill(tmp_path, "images/b.dcm", "images/study/a.DCM", "elsewhere/c.dcm", "images/._b.dcm", "images/notes.txt")
    (tmp_path / "images/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "images/circle").symlink_to(tmp_path / "images")
    found = image_files(ImageFolder(tmp_path / "images"))
    assert list(found) == ["a", "b", "c"]
    assert found["a"] == tmp_path / "images/study/a.DCM"
    assert image_files(ImageFolder(tmp_path / "nowhere")) == {}
    _fill(tmp_path, "images/study/b.dcm")
    with pytest.raises(UserError, match=r"study/b\.dcm: is there again as .*images/b\.dcm"):
        image_files(ImageFolder(tmp_path / "images"))


@pytest.mark.parametrize(
    ("ids", "words", "remedy"),
    [
        (["a.dcm", "b.dcm"], "they have the ending '.dcm'", "Write 'a' for 'a.dcm'"),
        (["A", "B"], "they have capital letters", "Write 'a' for 'A'"),
        (["x", "y"], "they are like 'x', the files like 'a'", "Use the table and the images of the same download"),
    ],
)
def test_ids_that_have_no_file_are_told_why(tmp_path: Path, ids: list[str], words: str, remedy: str) -> None:
    fault = no_image(ImageFolder(_fill(tmp_path, "a.dcm", "b.dcm")), ids, Path("train.csv"))
    assert fault.where == "train.csv"
    assert fault.what == f"none of its 2 ids is the name of one of the 2 .dcm files in {tmp_path}: {words}"
    assert fault.remedy == remedy


def test_a_folder_without_images_says_what_is_there(tmp_path: Path) -> None:
    table = Path("train.csv")
    absent = no_image(ImageFolder(tmp_path / "no"), ["a"], table)
    assert absent.what == "there is no such folder: images are looked for there"
    assert no_image(ImageFolder(tmp_path), ["a"], table).what == "holds no .dcm file, at any depth"
    other = no_image(ImageFolder(_fill(tmp_path, "one/a.png", "one/b.png")), ["a"], table)
    assert (other.where, other.what) == (
        str(tmp_path),
        "holds no .dcm file, at any depth, but 2 other files, such as one/a.png",
    )


def test_the_first_name_that_exists_or_the_first_of_all(tmp_path: Path) -> None:
    names = ("stage_2", "stage_1")
    assert first_existing(tmp_path, names) == tmp_path / "stage_2"
    _fill(tmp_path, "stage_1")
    assert first_existing(tmp_path, names) == tmp_path / "stage_1"
    _fill(tmp_path, "stage_2")
    assert first_existing(tmp_path, names) == tmp_path / "stage_2"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return stage_of(tmp_path, tmp_path / "work", monkeypatch)


def test_rows_and_files_without_a_partner_are_noted(stage: Stage) -> None:
    folder = ImageFolder(_fill(stage.data / "train", "b.dcm", "a.dcm", "z.dcm", "y.dcm"))
    ids = pd.Series(["b", "p", "a", "q", "r"])
    files = files_of_table(stage, ids, folder, Path("train.csv"))
    assert list(files.items()) == [("b", folder.path / "b.dcm"), ("a", folder.path / "a.dcm")]
    assert stage.notes == [
        "images of train.csv without a file in train: 3, left out, such as p",
        "files in train without a row in train.csv: 2, left out, such as y",
    ]
    with pytest.raises(UserError, match="none of its 1 ids is the name of one of the 4"):
        files_of_table(stage, pd.Series(["p"]), folder, Path("train.csv"))


@pytest.mark.parametrize(
    ("missing", "named"), [(["p"], "p"), (["p", "q", "r"], "p, q, r"), (["p", "q", "r", "s"], "p, q, r …")]
)
def test_test_images_without_a_file_are_named_up_to_three(stage: Stage, missing: list[str], named: str) -> None:
    folder = ImageFolder(_fill(stage.data / "test", "b.dcm", "a.dcm"))
    sample = stage.data / "sample_submission.csv"
    sample.write_text("\n".join(["id,label", *(f"{name},0" for name in ["b", *missing, "a"]), ""]))
    ids, files = requested_images(stage, sample, "id", folder)
    assert ids == ["b", *missing, "a"]
    assert list(files) == ["b", "a"]
    assert stage.notes == [
        f"{len(missing)} of {len(ids)} test images have no file in test and are submitted without a finding: {named}"
    ]


def test_without_a_sample_every_image_is_predicted(stage: Stage) -> None:
    folder = ImageFolder(_fill(stage.data / "test", "b.dcm", "a.dcm"))
    sample = stage.data / "sample_submission.csv"
    ids, files = requested_images(stage, sample, "id", folder)
    assert ids == list(files) == ["a", "b"]
    assert stage.notes == [f"There is no {sample}: every image in test is predicted"]
    with pytest.raises(UserError, match="there is no such folder: images are looked for there"):
        requested_images(stage, sample, "id", ImageFolder(stage.data / "nowhere"))


def test_images_that_are_asked_for_are_found_in_their_order(tmp_path: Path) -> None:
    folder = ImageFolder(_fill(tmp_path, "a.dcm", "b.dcm", "c.dcm"))
    assert list(find_images(["c", "x", "a"], folder).items()) == [("c", tmp_path / "c.dcm"), ("a", tmp_path / "a.dcm")]
