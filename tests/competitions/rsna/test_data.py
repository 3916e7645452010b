from pathlib import Path

import pandas as pd
import pytest

from pulmo.competitions.rsna.data import impossible_ages, read_labels
from pulmo.errors import UserError

LABELS = "patientId,x,y,width,height,Target\na,1,2,30,40,1\na,50,60,7,8,1\nb,,,,,0\nc,,,,,0\n"
CLASSES = "patientId,class\na,Lung Opacity\na,Lung Opacity\nb,Normal\nc,No Lung Opacity / Not Normal\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "stage_2_train_labels.csv").write_text(LABELS)
    (tmp_path / "stage_2_detailed_class_info.csv").write_text(CLASSES)
    return tmp_path


def test_labels_and_classes_are_joined(files: Path) -> None:
    labels = read_labels(files)
    assert labels.images.to_numpy().tolist() == [
        ["a", "Lung Opacity", 2],
        ["b", "Normal", 0],
        ["c", "No Lung Opacity / Not Normal", 0],
    ]
    assert labels.boxes.to_numpy().tolist() == [["a", 1, 2, 30, 40], ["a", 50, 60, 7, 8]]


def test_without_a_class_table_classes_are_unknown(files: Path) -> None:
    (files / "stage_2_detailed_class_info.csv").unlink()
    assert read_labels(files).images["class"].tolist() == ["", "", ""]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("b,Normal", "b,Well", "row 4, class: 'Well' is not known"),
        ("b,Normal", "b,Lung Opacity", "row 4, class: 'Lung Opacity', but stage_2_train_labels.csv contradicts it"),
        ("a,Lung Opacity\nb", "a,Normal\nb", "row 3, class: 'Normal', but another in the image's first row"),
        ("b,Normal\n", "", "has no row for patientId 'b'"),
    ],
)
def test_classes_that_contradict_are_named(files: Path, before: str, after: str, words: str) -> None:
    (files / "stage_2_detailed_class_info.csv").write_text(CLASSES.replace(before, after))
    with pytest.raises(UserError) as error:
        read_labels(files)
    assert words in str(error.value)


def test_the_real_labels_and_classes(rsna_data: Path) -> None:
    labels = read_labels(rsna_data)
    assert len(labels.images) == 26_684
    assert len(labels.boxes) == 9_555
    assert labels.images["class"].value_counts().to_dict() == {
        "No Lung Opacity / Not Normal": 11_821,
        "Normal": 8_851,
        "Lung Opacity": 6_012,
    }


def test_the_real_ages_that_nobody_has_reached(rsna_data: Path) -> None:
    ages = pd.read_csv(rsna_data / "dicom_headers.csv.gz")["PatientAge"]
    assert sorted(ages[impossible_ages(ages)]) == [148, 150, 151, 153, 155]


def test_ages_are_possible_from_0_to_110() -> None:
    ages = pd.Series([0, 110, 110.5, 111, -1, float("nan")])
    assert impossible_ages(ages).tolist() == [False, False, True, True, True, False]


def test_labels_without_a_row_are_refused(files: Path) -> None:
    (files / "stage_2_train_labels.csv").write_text("patientId,x,y,width,height,Target\n")
    with pytest.raises(UserError, match="has no image"):
        read_labels(files)


def test_a_class_of_an_image_without_labels_is_no_contradiction(files: Path) -> None:
    (files / "stage_2_detailed_class_info.csv").write_text(CLASSES + "z,Normal\nz,Normal\n")
    assert read_labels(files).images["image"].tolist() == ["a", "b", "c"]
    (files / "stage_2_detailed_class_info.csv").write_text(
        CLASSES.replace("Lung Opacity\na,Lung Opacity", "Normal\na,Normal")
    )
    with pytest.raises(UserError) as error:
        read_labels(files)
    assert [fault.where.partition(", ")[2] for fault in error.value.faults] == ["row 2, class", "row 3, class"]


def test_images_stay_in_the_order_of_the_file(files: Path) -> None:
    (files / "stage_2_detailed_class_info.csv").unlink()
    (files / "stage_2_train_labels.csv").write_text("patientId,x,y,width,height,Target\nb,,,,,0\na,1,2,3,4,1\n")
    assert read_labels(files).images["image"].tolist() == ["b", "a"]
