"""The patient of each image: by the table in Kaggle's folder, or each image for itself."""

import re
from pathlib import Path

import pandas as pd
import pytest

from pulmo.competition import find_competition
from pulmo.errors import UserError
from pulmo.scoring.patients import (
    PatientTable,
    find_patients,
    none_in_table,
    patients_of_images,
    read_patients,
    require_known_image,
)

IMAGES = pd.Series(["a", "b", "b", "c", "d"], index=[5, 6, 7, 8, 9], name="ImageId")


def test_images_of_one_person_are_of_one_patient(tmp_path: Path) -> None:
    (tmp_path / "nih_patients.csv").write_text("ImageId,nih_patient\na,0007\nb,0007\nc,0001\nx,0009\nd,\n")
    found = patients_of_images(IMAGES, tmp_path)
    assert found.of_row.to_dict() == {5: "0007", 6: "0007", 7: "0007", 8: "0001", 9: "d"}
    assert found.notes == ("1 of 4 images are not in nih_patients.csv: each counts as a patient of its own",)


def test_without_the_table_each_image_counts_by_itself(tmp_path: Path) -> None:
    found = patients_of_images(IMAGES, tmp_path)
    assert found.of_row.to_list() == IMAGES.to_list()
    assert found.notes == (f"Each image counts as a patient of its own: there is no nih_patients.csv in {tmp_path}",)
    assert "no data folder" in patients_of_images(IMAGES, None).notes[0]


def test_a_table_of_the_competition_s_own_names_the_patients(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("ImageId,edema,person\na,1,P1\nb,0,P1\nc,1,\nd,0,P2\n")
    found = patients_of_images(IMAGES, tmp_path, "train.csv", "person")
    assert found.of_row.to_list() == ["P1", "P1", "P1", "c", "P2"]
    assert found.notes == ("1 of 4 images are not in train.csv: each counts as a patient of its own",)


def test_a_faulty_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nih_patients.csv").write_text("ImageId,nih_patient\na,1\na,2\n")
    with pytest.raises(UserError, match="row 3, nih_patient: 'a' is of patient '2' here, of '1' in an earlier row"):
        patients_of_images(IMAGES, tmp_path)


def test_the_user_s_table_comes_before_the_one_in_the_folder(tmp_path: Path) -> None:
    assert find_patients(tmp_path, "ImageId") is None
    (tmp_path / "nih_patients.csv").write_text("ImageId,nih_patient\na,0007\nb,\n")
    found = find_patients(tmp_path, "ImageId")
    assert found == (tmp_path / "nih_patients.csv", {"a": "0007"}, False)
    (tmp_path / "mine.csv").write_text("person,ImageId\nAda,a\nAda,a\nBob,c\n")  # a row twice does no harm
    found = find_patients(tmp_path, "ImageId", tmp_path / "mine.csv")
    assert found == (tmp_path / "mine.csv", {"a": "Ada", "c": "Bob"}, True)
    with pytest.raises(UserError, match=r"gone\.csv: no such file"):
        find_patients(tmp_path, "ImageId", tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("patientId,person\na,1\n", "has no column 'ImageId'"),
        ("ImageId,person,age\na,1,50\n", "has 2 columns beside 'ImageId'; it must have one, the patient"),
        ("ImageId,person\n", "mine.csv: has no rows. Write a row for each image: ImageId and the patient"),
        ("ImageId\na\n", "has 0 columns beside 'ImageId'"),
        ("ImageId,person\na,1\n,2\n", "row 3, ImageId: is empty. Write the image's id, or remove the row"),
        ("ImageId,person\na,1\nb,2\na,3\n", "row 4, person: 'a' is of patient '3' here, of '1' in an earlier row"),
    ],
)
def test_what_is_wrong_with_a_table_of_patients_is_named(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "mine.csv").write_text(content)
    with pytest.raises(UserError, match=re.escape(words)):
        read_patients(tmp_path / "mine.csv", "ImageId")


@pytest.mark.parametrize(
    ("name", "rows", "patients"),
    [("osic", ["ID1_-3", "ID1_20", "ID_2_7"], ["ID1", "ID1", "ID_2"]), ("dsb", ["s1", "s2", "s1"], ["s1", "s2", "s1"])],
)
def test_ids_that_name_patients(name: str, rows: list[str], patients: list[str]) -> None:
    competition = find_competition(name)
    found = competition.submission.patients(pd.DataFrame({competition.row_id: rows}), None)
    assert found.of_row.to_list() == patients
    assert found.notes == ()


@pytest.mark.parametrize(("name", "people"), [("siim", 6_171), ("rsna", 11_410)])
def test_the_competitions_people(name: str, people: int, shared_data: Path) -> None:
    competition = find_competition(name)
    data = shared_data / competition.kaggle_slug
    ids = pd.read_csv(data / "nih_patients.csv", dtype=str)[[competition.row_id]]
    assert competition.submission.patients(ids, data).of_row.nunique() == people


def test_a_table_of_none_of_the_images_says_why(tmp_path: Path) -> None:
    def words(of_image: dict[str, str], images: list[str]) -> str | None:
        fault = none_in_table(images, PatientTable(tmp_path / "mine.csv", of_image, given=True))
        return None if fault is None else str(fault).removeprefix(f"{tmp_path}/")

    assert words({"a": "1"}, []) is None
    assert words({"a": "1", "b": "1"}, ["c", "b"]) is None
    remedy = "Give the table of patients of these images."
    assert words({}, ["a"]) == f"mine.csv: none of its 0 ids is one of the 1 images: it names no patient. {remedy}"
    assert words({"x": "1", "y": "2"}, ["a"]) == (
        f"mine.csv: none of its 2 ids is one of the 1 images: they are like 'x', the images like 'a'. {remedy}"
    )
    assert words({"a.png": "1"}, ["a", "b"]) == (
        "mine.csv: none of its 1 ids is one of the 2 images: they have the ending '.png'. Write 'a' for 'a.png'."
    )


def test_only_a_table_that_the_user_named_must_have_an_image(tmp_path: Path) -> None:
    table = PatientTable(tmp_path / "mine.csv", {"x": "1"})
    require_known_image(["a"], None)
    require_known_image(["a"], table)
    require_known_image(["x", "a"], table._replace(given=True))
    with pytest.raises(UserError, match="none of its 1 ids is one of the 1 images"):
        require_known_image(["a"], table._replace(given=True))
