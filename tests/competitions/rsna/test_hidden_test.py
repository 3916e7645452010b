import shutil
from pathlib import Path

import pandas as pd

from pulmo.competitions.rsna.hidden_test import write_hidden_test
from tests.competitions.hidden import check_hidden_test


def test_other_images_another_number_one_missing_and_one_broken(drawn: Path, tmp_path: Path) -> None:
    broken = check_hidden_test("rsna", drawn / "data", tmp_path, "stage_2_sample_submission.csv")
    assert [path.split("/")[0] for path in broken] == ["stage_2_test_images"]


def test_nobody_has_x_rays_on_both_sides(drawn: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(drawn / "data", data)
    images = sorted(path.stem for path in (data / "stage_2_train_images").glob("*.dcm"))
    people = pd.DataFrame({"patientId": images, "nih_patient": [f"p{number // 3}" for number in range(len(images))]})
    people.to_csv(data / "nih_patients.csv", index=False)
    write_hidden_test(data, tmp_path / "hidden", tmp_path / "solution.csv")
    hidden = people["patientId"].isin(pd.read_csv(tmp_path / "solution.csv")["patientId"])
    assert hidden.sum() >= 3
    assert not set(people.loc[hidden, "nih_patient"]) & set(people.loc[~hidden, "nih_patient"])
    assert (tmp_path / "hidden/nih_patients.csv").read_bytes() == (data / "nih_patients.csv").read_bytes()
