from pathlib import Path

import pandas as pd

from pulmo.competitions.dsb.data import find_scans
from pulmo.competitions.dsb.hidden_test import write_hidden_test
from pulmo.competitions.dsb.trained_model import Calibration, write_model
from pulmo.competitions.dsb.volumes import VolumeFormat
from tests.competitions.dsb.support import settings_of
from tests.competitions.hidden import check_hidden_test


def test_other_scans_another_number_one_missing_and_one_broken(kaggle: Path, tmp_path: Path) -> None:
    broken = check_hidden_test("dsb", kaggle, tmp_path, "stage2_sample_submission.csv")
    assert len({path.rpartition("/")[0] for path in broken}) == 1
    assert broken[0].startswith("stage2/")


def test_labels_mean_what_they_mean_to_the_model_that_is_rehearsed(rats: Path, tmp_path: Path) -> None:
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / "fold0.keras").touch()
    (tmp_path / "model").mkdir()
    record = {
        "calibration": Calibration(1.0, 0.0, 0.5)._asdict(),
        "classes": ["R1", "BN-175"],  # features.positive = "BN-175"
        "min_readers": 1,
        "volumes": VolumeFormat("MR", settings_of().features.lung_format()).to_json(),
        "training_scans": [],
    }
    write_model(tmp_path / "model", record, tmp_path / "networks")
    write_hidden_test(rats, tmp_path / "usual", tmp_path / "usual.csv")
    write_hidden_test(rats, tmp_path / "other", tmp_path / "other.csv", model=tmp_path / "model")
    usual, other = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("usual", "other"))
    assert usual["id"].tolist() == other["id"].tolist()
    assert (usual["cancer"] == 1 - other["cancer"]).all()
    assert usual["cancer"].tolist() == [int(name.startswith("R1")) for name in usual["id"]]


def test_nobody_has_scans_on_both_sides(rats: Path, tmp_path: Path) -> None:
    patients = find_scans(rats).table.set_index("id")["patient"]
    write_hidden_test(rats, tmp_path / "hidden", tmp_path / "solution.csv")
    hidden = set(pd.read_csv(tmp_path / "solution.csv")["id"])
    shown = set(patients.index) - hidden
    assert hidden
    assert not set(patients[list(hidden)]) & set(patients[list(shown)])
