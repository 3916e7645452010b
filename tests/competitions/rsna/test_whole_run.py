"""RSNA as a user runs it."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from pulmo.pipeline.runner import Run
from tests.competitions.rsna.support import SMALL
from tests.support import run_pulmo

SETTINGS = [word for setting in SMALL for word in ("--set", setting)]


def test_a_second_run_does_nothing_again_and_tells_the_estimate(
    finished: Run, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished.paths.work, tmp_path / "work")
    folders = ("--data", drawn / "data", "--work", tmp_path / "work", "--out", tmp_path / "out")
    words: tuple[str | Path, ...] = (*folders, *SETTINGS)
    code, out, err = run_pulmo(capsys, "rsna", "run", *words)
    assert code == 0
    assert err.count("unchanged, skipped") == len(finished.competition.stages)
    estimate = json.loads((tmp_path / "out/score.json").read_text())["estimate"]
    assert f"{estimate['score']:.4f} ± {estimate['standard_error']:.4f}" in out
    assert "(validated)" in out
    sample = pd.read_csv(drawn / "data/stage_2_sample_submission.csv")
    assert pd.read_csv(tmp_path / "out/submission.csv")["patientId"].tolist() == sample["patientId"].tolist()
    code, out, _ = run_pulmo(
        capsys, "rsna", "score", tmp_path / "out/submission.csv", "--solution", drawn / "solution.csv"
    )
    assert code == 0
    assert 0 <= float(out) <= 1
