import shutil
from pathlib import Path

import pandas as pd

from pulmo.competitions.rsna.data import read_labels
from pulmo.competitions.rsna.hidden_test import write_hidden_test
from tests.competitions.hidden import check_hidden_test


def test_other_images_another_number_one_missing_and_one_broken(drawn: Path, tmp_path: Path) -> None:
    broken = check_hidden_test("rsna", drawn / "data", tmp_path, "stage_2_sample_submission.csv")
    assert [path.split("/")[0] for path in broken] == ["stage_2_test_images"]


def test_nobody_has_images_on_both_sides_and_labels_stay(drawn: Path, tmp_path: Path) -> None:
    data, hidden = tmp_path / "data", tmp_path / "hidden"
    shutil.copytree(drawn / "data", data)
    before = read_labels(data).images
    patient_of = dict(zip(before["image"], (f"{number // 3:08d}" for number in range(len(before))), strict=True))
    rows = [f"{image},{patient}" for image, patient in patient_of.items()]
    (data / "nih_patients.csv").write_text("\n".join(["patientId,nih_patient", *rows]))
    write_hidden_test(data, hidden, tmp_path / "solution.csv")
    shown, asked = read_labels(hidden).images, pd.read_csv(tmp_path / "solution.csv")["patientId"].unique()
    assert len(asked) >= 3
    assert not {patient_of[image] for image in shown["image"]} & {patient_of[image] for image in asked}
    assert shown.to_numpy().tolist() == before[~before["image"].isin(asked)].to_numpy().tolist()
    sample = pd.read_csv(hidden / "stage_2_sample_submission.csv")
    assert sample["patientId"].tolist() == sorted(asked)
    assert set(sample["PredictionString"]) == {"0.5 0 0 100 100"}
