"""The origin of a submission in the ledger."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from pulmo.competition import find_competition
from pulmo.kaggle.provenance import entry_of

OSIC = find_competition("osic")


def git(*words: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    return subprocess.run(["git", *identity, *words], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    path = Path("submissions/osic/night/submission.csv")
    path.parent.mkdir(parents=True)
    path.write_text("Patient_Week,FVC,Confidence\n")
    estimate = {"score": -6.9, "standard_error": 0.07}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    scores = {"run": "night", "estimate": estimate, "submission_sha256": digest}
    (path.parent / "score.json").write_text(json.dumps(scores))
    return path


def write_manifest(stage: str, settings: dict[str, int]) -> None:
    folder = Path("work/osic/night") / stage
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"settings": settings}))


def test_run_estimate_and_settings(submission: Path) -> None:
    write_manifest("train_gbm", {"trees": 100})
    entry = entry_of(OSIC, submission, "first")
    assert entry.sha256 == hashlib.sha256(submission.read_bytes()).hexdigest()
    assert (entry.competition, entry.run, entry.message) == ("osic", "night", "first")
    assert (entry.cv_mean, entry.cv_error) == ("-6.900000", "0.070000")
    assert (entry.git_commit, entry.git_clean) == ("", "")
    write_manifest("train_gbm", {"trees": 200})
    other = entry_of(OSIC, submission, "first")
    assert len(entry.settings) == 16
    assert other.settings != entry.settings


def test_a_file_without_a_run(submission: Path) -> None:
    (submission.parent / "score.json").unlink()
    entry = entry_of(OSIC, submission, "")
    assert (entry.run, entry.settings, entry.cv_mean) == ("", "", "")


def test_another_file_takes_no_estimate(submission: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_manifest("train_gbm", {"trees": 100})
    other = submission.with_name("blend.csv")
    other.write_text("Patient_Week,FVC,Confidence\na_1,2000,70\n")
    entry = entry_of(OSIC, other, "")
    assert (entry.run, entry.settings, entry.cv_mean, entry.cv_error) == ("", "", "", "")
    assert "score.json: belongs to another file, not to blend.csv" in capsys.readouterr().err
    submission.write_text("Patient_Week,FVC,Confidence\nchanged,2000,70\n")
    assert entry_of(OSIC, submission, "").cv_mean == ""


@pytest.mark.parametrize("text", ["", "[1]", '{"run": "night", "estima', "null"])
def test_a_damaged_score_is_no_estimate(submission: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (submission.parent / "score.json").write_text(text)
    assert entry_of(OSIC, submission, "").cv_mean == ""
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("estimate", [None, [], {"score": "good"}, {"score": float("nan"), "standard_error": 1}])
def test_an_estimate_that_is_no_number(submission: Path, estimate: object) -> None:
    path = submission.parent / "score.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "estimate": estimate}))
    assert entry_of(OSIC, submission, "").cv_mean == ""


def test_a_damaged_manifest_leaves_the_settings_unknown(submission: Path) -> None:
    write_manifest("train_gbm", {"trees": 100})
    Path("work/osic/night/train_gbm/manifest.json").write_text('{"settings"')
    assert entry_of(OSIC, submission, "").settings == ""


def test_the_commit_and_whether_the_tree_was_clean(submission: Path) -> None:
    git("init")
    Path(".gitignore").write_text("/submissions/*\n!/submissions/ledger.csv\n")
    Path("solution.py").write_text("1\n")
    git("add", ".")
    git("commit", "-m", "first")
    Path("submissions/ledger.csv").write_text("the ledger itself does not count\n")
    assert entry_of(OSIC, submission, "")[4:6] == (git("rev-parse", "HEAD"), "yes")
    Path("solution.py").write_text("2\n")
    assert entry_of(OSIC, submission, "").git_clean == "no"
