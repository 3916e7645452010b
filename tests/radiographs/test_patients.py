from pathlib import Path

import numpy as np
import pytest

from pulmo.errors import UserError
from pulmo.phantom.radiograph_dicom import PatientHeader
from pulmo.radiographs.patients import image_patients, patients_by_file
from pulmo.radiographs.phantom import write_image
from pulmo.scoring.patients import PatientTable, find_patients


def test_the_nih_s_table_overrides_headers() -> None:
    table = PatientTable(Path("nih_patients.csv"), {"a": "7", "b": "7"})
    patients, notes = image_patients(["a", "b", "c"], ["x", "y", ""], table)
    assert patients == ["7", "7", "c"]
    assert notes == [
        "3 X-rays are of 2 patients by nih_patients.csv; 2 have a sibling, another X-ray of the same patient, and stay "
        "with it on one side of every split",
        "1 of 3 X-rays are not in nih_patients.csv, such as c: their headers name the patients",
    ]
    patients, notes = image_patients(["a", "b"], ["x", "x2"])
    assert patients == ["x", "x2"]
    assert notes[0].startswith("2 X-rays are of 2 patients by the headers' PatientID, for there is no nih_patients.csv")
    assert image_patients(["a"], ["x"], table)[0] == ["7"]


def test_a_table_that_the_user_names_must_have_one_of_the_images() -> None:
    table = PatientTable(Path("mine.csv"), {"a.dcm": "7", "b.dcm": "8"})
    assert image_patients(["a", "b"], ["x", "y"], table)[0] == ["x", "y"]  # found in the folder: noted
    with pytest.raises(UserError, match=r"mine\.csv: none of its 2 ids is one of the 2 images: they have the ending"):
        image_patients(["a", "b"], ["x", "y"], table._replace(given=True))
    with pytest.raises(UserError, match="none of its 0 ids is one of the 1 images: it names no patient"):
        image_patients(["a"], ["x"], PatientTable(Path("mine.csv"), {}, given=True))


def test_headers_name_the_patients_of_files_that_can_be_read(tmp_path: Path) -> None:
    header = PatientHeader("p", "50", "F", "PA", "0.143", "1.2.1", "1.2.2", "1.2.3")
    for number, name in enumerate(("a.dcm", "b.dcm", "c.png")):
        write_image(tmp_path / name, np.zeros((8, 8), np.uint8), header._replace(patient=f"p{number}"))
    (tmp_path / "d.dcm").write_text("This is no DICOM file.")
    files = {path.stem: path for path in tmp_path.iterdir()}
    found = patients_by_file(["a", "b", "c", "d", "e"], files, PatientTable(tmp_path / "mine.csv", {"b": "7"}))
    assert found == {"a": "p0", "b": "7", "c": "c", "d": "d", "e": "e"}


def test_real_images_are_of_fewer_people(shared_data: Path) -> None:
    folder = shared_data / "rsna-pneumonia-detection-challenge"
    if not folder.is_dir():
        pytest.skip(f"the real RSNA data are not at {folder.resolve()}")
    table = find_patients(folder, "patientId")
    assert table is not None
    assert (len(table.of_image), len(set(table.of_image.values()))) == (26_582, 11_410)
