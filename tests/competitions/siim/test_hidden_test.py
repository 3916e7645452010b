from pathlib import Path

import pandas as pd
import pytest

from pulmo.competitions.siim.hidden_test import write_hidden_test
from pulmo.imaging.radiograph import RadiographHeader, read_radiograph_header
from pulmo.training.image_files import image_files
from tests.competitions.hidden import check_hidden_test


def test_other_images_another_number_one_missing_and_one_broken(drawn: Path, tmp_path: Path) -> None:
    broken = check_hidden_test("siim", drawn / "data", tmp_path, "stage_2_sample_submission.csv")
    assert [path.split("/")[0] for path in broken] == ["stage_2_images"]


def test_nobody_has_x_rays_on_both_sides(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = sorted(image_files(drawn / "data/dicom-images-train"))
    patient_of = {image: f"p{number // 3}" for number, image in enumerate(images)}

    def header(path: Path) -> RadiographHeader:
        return read_radiograph_header(path)._replace(patient=patient_of[path.stem])

    monkeypatch.setattr("pulmo.competitions.siim.hidden_test.read_radiograph_header", header)
    write_hidden_test(drawn / "data", tmp_path / "hidden", tmp_path / "solution.csv")
    hidden = set(pd.read_csv(tmp_path / "solution.csv")["ImageId"])
    assert len(hidden) >= 3
    known = hidden & set(images)
    assert not {patient_of[image] for image in known} & {patient_of[image] for image in set(images) - hidden}
