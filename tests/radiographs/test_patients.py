from pathlib import Path

import numpy as np
import pytest

from pulmo.errors import UserError
from pulmo.phantom.radiograph_dicom import PatientHeader
from pulmo.radiographs.patients import image_patients, patients_by_file
from pulmo.radiographs.phantom import write_image
from pulmo.scoring.patients import read_nih_patients


def test_the_nih_s_table_overrides_headers() -> None:
    patients, notes = image_patients(["a", "b", "c"], ["x", "y", ""], {"a": "7", "b": "7"})
    assert patients == ["7", "7", "c"]
    assert notes == ["1 of 3 X-rays are not in nih_patients.csv: their headers name the patients"]
    assert image_patients(["a", "b"], ["x", "x2"], {}) == (["x", "x2"], [])
    assert image_patients(["a"], ["x"], {"a": "7"}) == (["7"], [])


def test_the_table_is_read_by_the_competition_s_id(tmp_path: Path) -> None:
    assert read_nih_patients(tmp_path, "ImageId") == {}
    (tmp_path / "nih_patients.csv").write_text("ImageId,nih_patient\na,0007\nb,\n")
    assert read_nih_patients(tmp_path, "ImageId") == {"a": "0007"}
    with pytest.raises(UserError, match="has no column 'patientId'"):
        read_nih_patients(tmp_path, "patientId")


def test_headers_name_the_patients_of_files_that_can_be_read(tmp_path: Path) -> None:
    header = PatientHeader("p", "50", "F", "PA", "0.143", "1.2.1", "1.2.2", "1.2.3")
    for number, name in enumerate(("a.dcm", "b.dcm", "c.png")):
        write_image(tmp_path / name, np.zeros((8, 8), np.uint8), header._replace(patient=f"p{number}"))
    (tmp_path / "d.dcm").write_text("This is no DICOM file.")
    files = {path.stem: path for path in tmp_path.iterdir()}
    found = patients_by_file(["a", "b", "c", "d", "e"], files, {"b": "7"})
    assert found == {"a": "p0", "b": "7", "c": "c", "d": "d", "e": "e"}


def test_real_images_are_of_fewer_people(shared_data: Path) -> None:
    folder = shared_data / "rsna-pneumonia-detection-challenge"
    if not folder.is_dir():
        pytest.skip(f"the real RSNA data are not at {folder.resolve()}")
    patients = read_nih_patients(folder, "patientId")
    assert (len(patients), len(set(patients.values()))) == (26_582, 11_410)
