"""Tables joined with X-rays before long work, and patients on both sides."""

from pathlib import Path

import pandas as pd
import pytest

from pulmo.errors import ScanError
from pulmo.radiographs.data_check import check_patients, check_test_images, check_training_images
from pulmo.radiographs.files import ImageFolder
from tests.radiographs.support import read_json_image


@pytest.fixture
def folder(tmp_path: Path) -> ImageFolder:
    """Images a and b, which can be read, and c, which cannot."""
    (tmp_path / "images").mkdir()
    for name, content in (("a", "[[1]]"), ("b", "[[2]]"), ("c", "no JSON")):
        (tmp_path / f"images/{name}.json").write_text(content)
    return ImageFolder(tmp_path / "images", (".json",))


def test_training_images_are_counted_and_some_read(folder: ImageFolder) -> None:
    found = check_training_images(["a", "c", "gone"], Path("train.csv"), folder, read_json_image)
    assert found.counts == {
        "training images, in the table": 3,
        "training images, with a file": 2,
        "training images, read of a sample": "1 of 2",
    }
    assert found.faults == ()
    assert any("cannot be read and is left out" in note and "c.json" in note for note in found.notes)


def test_a_table_of_other_images_is_a_fault(folder: ImageFolder) -> None:
    (fault,) = check_training_images(["x"], Path("train.csv"), folder, read_json_image).faults
    assert fault.where == "train.csv"
    assert "none of its 1 ids is the name of one of the 3 .json files" in fault.what


def test_the_sample_names_the_test_images(folder: ImageFolder, tmp_path: Path) -> None:
    sample = tmp_path / "sample_submission.csv"
    sample.write_text("image,label\nb,0\na,0\n")
    counts = check_test_images(sample, "image", folder, reader=read_json_image).counts
    assert counts["test images, in the table"] == counts["test images, with a file"] == 2
    aliased = check_test_images(sample, "id", folder, {"image": "id"}, read_json_image)
    assert aliased.counts["test images, in the table"] == 2


def test_without_a_sample_every_image_is_a_test_image(folder: ImageFolder, tmp_path: Path) -> None:
    found = check_test_images(tmp_path / "nowhere.csv", "image", folder, reader=read_json_image)
    assert found.counts["test images, in the table"] == 3
    assert found.counts["test images, read of a sample"] == "2 of 3"


def test_images_are_read_as_dicom_unless_a_reader_is_given(folder: ImageFolder) -> None:
    (fault,) = check_training_images(["a"], Path("train.csv"), folder).faults
    assert "a.json" in fault.where
    with pytest.raises(ScanError):
        read_json_image(folder.path / "c.json")


IMAGES = pd.Series(["a", "b", "c"], name="image")


def test_siblings_are_counted_by_the_table(folder: ImageFolder, tmp_path: Path) -> None:
    """Two of three images are of patient 1; the test images a, b and c are of patients who have training images."""
    (tmp_path / "nih_patients.csv").write_text("image,patient\na,1\nb,1\nc,2\n")
    patients, found = check_patients(IMAGES, tmp_path, None, ImageFolder(tmp_path / "nowhere", (".json",)))
    assert patients.of_row.to_list() == ["1", "1", "2"]
    assert (found.counts, found.faults, found.notes) == ({"images with a sibling, by nih_patients.csv": 2}, (), ())
    _, found = check_patients(IMAGES, tmp_path, None, folder)
    (note,) = found.notes
    assert note.startswith("3 test images, such as a, are of patients who have training images")


def test_without_a_table_each_image_is_a_patient(folder: ImageFolder, tmp_path: Path) -> None:
    patients, found = check_patients(IMAGES, tmp_path, None, folder)
    assert patients.of_row.to_list() == ["a", "b", "c"]
    assert (found.counts, found.faults) == ({}, ())
    assert patients.notes


def test_a_table_that_cannot_be_read_or_has_none_of_the_images(folder: ImageFolder, tmp_path: Path) -> None:
    patients, found = check_patients(IMAGES, tmp_path, tmp_path / "mine.csv", folder)
    assert patients.of_row.to_list() == ["a", "b", "c"]
    assert len(found.faults) == 1
    (tmp_path / "mine.csv").write_text("image,patient\nx,1\n")
    patients, found = check_patients(IMAGES, tmp_path, tmp_path / "mine.csv", folder)
    assert patients.of_row.to_list() == ["a", "b", "c"]
    assert "none of its 1 ids is one of the 3 images" in found.faults[0].what
