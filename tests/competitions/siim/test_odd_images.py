"""SIIM's stages on X-rays as other systems export them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competition import MODEL
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.stage import load
from pulmo.scoring.rle import parse
from tests.competitions.odd_images import SMALL, write_odd_images
from tests.competitions.siim.support import run_of


def test_prediction(finished: Run, drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn / "data", tmp_path / "data")
    ids = pd.read_csv(tmp_path / "data/stage_2_sample_submission.csv")["ImageId"].to_list()
    paths = [next((tmp_path / "data/stage_2_images").rglob(f"{image}.dcm")) for image in ids]
    write_odd_images(*paths[:4])
    run = run_of(tmp_path / "data", tmp_path / "work")
    run = Run(run.competition, run.paths, run.settings, inputs={MODEL: output(finished, MODEL)}, device="cpu")
    list(run_stages(run, [run.competition.stage("predict")]))
    now, before = (np.asarray(load(output(one, "predict/images"))).astype(int) for one in (run, finished))
    np.testing.assert_array_equal(now[0], before[0])
    assert np.abs(now[1] - before[1]).mean() <= 3  # JPEG's rounding, amplified by the contrast equalisation
    assert now[2].max() == 0
    found, usual = (load(output(one, "predict/predictions")).set_index("image") for one in (run, finished))
    assert found.loc[ids[0], "rle"] == usual.loc[ids[0], "rle"]
    assert found.loc[ids[0], "presence"] == pytest.approx(usual.loc[ids[0], "presence"], abs=1e-5)
    assert found.loc[ids[1], "presence"] == pytest.approx(usual.loc[ids[1], "presence"], abs=0.02)
    assert (found.loc[ids[2], "rle"], found.loc[ids[2], "presence"]) == ("-1", 0)
    assert "is in colour: its channels differ by up to 170 of 255 levels" in found.loc[ids[2], "error"]
    assert pd.isna(found.loc[ids[3], "error"])
    assert parse([found.loc[ids[3], "rle"]]).ends.max(initial=0) <= SMALL[0] * SMALL[1]
    notes = json.loads((run.paths.stage("predict") / "manifest.json").read_text())["notes"]
    assert any(f"{ids[2]}.dcm: is in colour" in note for note in notes)


def test_features(drawn: Path, tmp_path: Path) -> None:
    usually = run_of(drawn / "data", tmp_path / "usually")
    list(run_stages(usually, [usually.competition.stage("features")]))
    shutil.copytree(drawn / "data", tmp_path / "data")
    before = load(output(usually, "features/image_table"))
    chosen = before.index[before["error"].isna() & (before["area"] == 0)][:4]
    paths = [next((tmp_path / "data").rglob(f"{image}.dcm")) for image in before.loc[chosen, "image"]]
    write_odd_images(*paths)
    run = run_of(tmp_path / "data", tmp_path / "work")
    list(run_stages(run, [run.competition.stage("features")]))
    table = load(output(run, "features/image_table")).loc[chosen]
    now, usual = (np.asarray(load(output(one, "features/images")))[chosen].astype(int) for one in (run, usually))
    np.testing.assert_array_equal(now[0], usual[0])
    assert np.abs(now[1] - usual[1]).mean() <= 2
    assert table["error"].notna().tolist() == [False, False, True, False]
    assert table["fold"].tolist()[2] == -1
    assert tuple(table.loc[chosen[3], ["rows", "columns"]]) == SMALL
    assert now[3].shape == (32, 32)
    assert now[3].max() > 0
