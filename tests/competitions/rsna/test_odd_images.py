"""RSNA's stages on X-rays as other systems export them, and labels of another size than the images."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competition import MODEL
from pulmo.errors import UserError
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.stage import load
from tests.competitions.odd_images import SMALL, write_odd_images
from tests.competitions.rsna.support import run_of


@pytest.mark.slow
def test_prediction(finished: Run, drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn / "data", tmp_path / "data")
    ids = pd.read_csv(tmp_path / "data/stage_2_sample_submission.csv")["patientId"].to_list()
    write_odd_images(*(tmp_path / "data/stage_2_test_images" / f"{image}.dcm" for image in ids))
    run = run_of(tmp_path / "data", tmp_path / "work")
    run = Run(run.competition, run.paths, run.settings, inputs={MODEL: output(finished, MODEL)}, device="cpu")
    list(run_stages(run, [run.competition.stage("predict")]))
    now, before = (np.asarray(load(output(one, "predict/images"))).astype(int) for one in (run, finished))
    np.testing.assert_array_equal(now[0], before[0])
    assert np.abs(now[1] - before[1]).max() <= 2
    assert now[2].max() == 0
    submissions = [pd.read_csv(output(one, "predict/submission"), keep_default_na=False) for one in (run, finished)]
    found, usual = (table.set_index("patientId")["PredictionString"] for table in submissions)
    assert found[ids[0]] == usual[ids[0]]
    assert found[ids[2]] == ""
    boxes = load(output(run, "predict/predictions")).query("image == @ids[3]")
    assert (boxes["x"] + boxes["width"] <= SMALL[1]).all()
    assert (boxes["y"] + boxes["height"] <= SMALL[0]).all()
    notes = json.loads((run.paths.stage("predict") / "manifest.json").read_text())["notes"]
    assert any(f"{ids[2]}.dcm: is in colour" in note for note in notes)
    assert not any(f"{image}.dcm" in note for image in (ids[0], ids[1], ids[3]) for note in notes)


def test_features(drawn: Path, tmp_path: Path) -> None:
    usually = run_of(drawn / "data", tmp_path / "usually")
    list(run_stages(usually, [usually.competition.stage("features")]))
    shutil.copytree(drawn / "data", tmp_path / "data")
    before = load(output(usually, "features/image_table"))
    chosen = before.index[before["error"].isna() & (before["boxes"] == 0)][:4]
    folder = tmp_path / "data/stage_2_train_images"
    write_odd_images(*(folder / f"{image}.dcm" for image in before.loc[chosen, "image"]))
    run = run_of(tmp_path / "data", tmp_path / "work")
    list(run_stages(run, [run.competition.stage("features")]))
    table = load(output(run, "features/image_table")).loc[chosen]
    now, usual = (np.asarray(load(output(one, "features/images")))[chosen].astype(int) for one in (run, usually))
    np.testing.assert_array_equal(now[0], usual[0])
    assert np.abs(now[1] - usual[1]).max() <= 2
    assert table["error"].notna().tolist() == [False, False, True, False]
    assert tuple(table.loc[chosen[3], ["rows", "columns"]]) == SMALL
    assert now[3].max() > 0


def test_boxes_of_larger_images_are_refused(drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn / "data", tmp_path / "data")
    path = tmp_path / "data/stage_2_train_labels.csv"
    labels = pd.read_csv(path)
    row = labels.index[labels["Target"] == 1][0]
    labels.loc[row, ["x", "width"]] = [100.0, 29.0]  # of 128 pixels
    labels.to_csv(path, index=False)
    run = run_of(tmp_path / "data", tmp_path / "work")
    words = rf"{labels['patientId'][row]}: box 100 \S+ 29 \S+ goes past its 128x128 pixels"
    with pytest.raises(UserError, match=words):
        list(run_stages(run, [run.competition.stage("features")]))
