import shutil
from pathlib import Path

import pandas as pd

from pulmo.competitions.siim.hidden_test import write_hidden_test
from pulmo.competitions.siim.submission import read_solution
from pulmo.radiographs.files import ImageFolder, image_files
from tests.competitions.hidden import check_hidden_test


def test_other_images_another_number_one_missing_and_one_broken(drawn: Path, tmp_path: Path) -> None:
    broken = check_hidden_test("siim", drawn / "data", tmp_path, "stage_2_sample_submission.csv")
    assert [path.split("/")[0] for path in broken] == ["stage_2_images"]


def test_nobody_has_x_rays_on_both_sides(drawn: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(drawn / "data", data)
    images = sorted(image_files(ImageFolder(data / "dicom-images-train")))
    patient_of = {image: f"{number // 3:08d}" for number, image in enumerate(images)}
    rows = [f"{image},{patient}" for image, patient in patient_of.items()]
    (data / "nih_patients.csv").write_text("\n".join(["ImageId,nih_patient", *rows]))
    write_hidden_test(data, tmp_path / "hidden", tmp_path / "solution.csv")
    hidden = set(pd.read_csv(tmp_path / "solution.csv")["ImageId"])
    assert len(hidden) >= 3
    known = hidden & set(images)
    assert not {patient_of[image] for image in known} & {patient_of[image] for image in set(images) - hidden}
    assert (tmp_path / "hidden/nih_patients.csv").read_text() == (data / "nih_patients.csv").read_text()


def test_a_cut_keeps_rows_as_they_stand(drawn: Path, tmp_path: Path) -> None:
    write_hidden_test(drawn / "data", tmp_path / "hidden", tmp_path / "solution.csv")
    parts = [read_solution(path) for path in (tmp_path / "hidden/stage_2_train.csv", tmp_path / "solution.csv")]
    whole = read_solution(drawn / "data/stage_2_train.csv")
    assert sorted(pd.concat(parts).to_numpy().tolist()) == sorted(whole.to_numpy().tolist())
    sample = pd.read_csv(tmp_path / "hidden/stage_2_sample_submission.csv")
    assert sample["ImageId"].tolist() == sorted(parts[1]["ImageId"].unique())
    assert set(sample["EncodedPixels"]) == {-1}
