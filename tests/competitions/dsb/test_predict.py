"""Which scans are asked about, and what their labels mean."""

from pathlib import Path

import pytest

from pulmo.competition import find_competition
from pulmo.competitions.dsb.data import find_scans
from pulmo.competitions.dsb.predict import requested_scans
from pulmo.competitions.dsb.trained_model import Calibration, TrainedModel
from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.errors import UserError
from pulmo.pipeline.stage import Stage
from tests.competitions.dsb.support import settings_of


def model_of(classes: tuple[str, str], training_scans: list[str]) -> TrainedModel:
    wanted = VolumeFormat("MR", settings_of().features.lung_format())
    return TrainedModel((), Calibration(1.0, 0.0, 0.5), classes, 1, wanted, frozenset(training_scans))


def stage_of(data: Path, workspace: Path) -> Stage:
    return Stage(find_competition("dsb").stage("predict"), 0, data, {}, workspace)


def test_scans_that_were_there_to_train_on_are_no_test_even_unread(rats: Path, tmp_path: Path) -> None:
    every = find_scans(rats).table["id"].to_list()
    asked = requested_scans(stage_of(rats, tmp_path), model_of(("BN-175", "R1"), every[2:]))
    assert asked["id"].tolist() == every[:2]
    with pytest.raises(UserError, match="holds only scans that the model was trained on"):
        requested_scans(stage_of(rats, tmp_path), model_of(("BN-175", "R1"), every))


def test_labels_follow_the_model_s_classes(rats: Path, tmp_path: Path) -> None:
    usual, swapped = (
        requested_scans(stage_of(rats, tmp_path), model_of(classes, []))["label"]
        for classes in (("BN-175", "R1"), ("R1", "BN-175"))
    )
    assert (usual == 1 - swapped).all()
    stage = stage_of(rats, tmp_path / "other")
    assert requested_scans(stage, model_of(("no cancer", "cancer"), []))["label"].isna().all()
    assert any("The labels are ignored" in note for note in stage.notes)
