"""RSNA as a user runs it, and as it is killed."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from pulmo.pipeline.runner import Run, run_stages
from tests.competitions.rsna.support import SMALL, run_of
from tests.competitions.rsna.test_stages import contents
from tests.support import run_pulmo

SETTINGS = [word for setting in SMALL for word in ("--set", setting)]


def test_a_second_run_does_nothing_again_and_tells_the_estimate(
    finished: Run, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished.paths.work, tmp_path / "work")
    words = ("--data", drawn / "data", "--work", tmp_path / "work", "--out", tmp_path / "out", *SETTINGS)
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


def test_killed_between_two_epochs_it_ends_with_the_same_weights(finished: Run, drawn: Path, tmp_path: Path) -> None:
    run = run_of(drawn / "data", tmp_path / "work")
    shutil.copytree(finished.paths.stage("features"), run.paths.stage("features"))
    words = ["rsna", "train_segmenter", "--data", str(drawn / "data"), "--work", str(run.paths.work), *SETTINGS]
    process = subprocess.Popen([sys.executable, "-m", "pulmo", *words], stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(run.paths.work.glob("train_segmenter.*/pieces/checkpoints/*.npz")):
        time.sleep(0.01)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    list(run_stages(run, [run.competition.stage("train_segmenter")]))
    expected = {name: value for name, value in contents(finished).items() if name.startswith("train_segmenter/")}
    assert {name: value for name, value in contents(run).items() if name.startswith("train_segmenter/")} == expected
