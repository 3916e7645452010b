"""`score.json` says of which file its estimate is."""

import hashlib
import json
from pathlib import Path

import pytest

from pulmo.pipeline.scores import read_scores, scores_of, write_scores


def test_scores_are_of_the_file_whose_digest_they_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submission = tmp_path / "submission.csv"
    submission.write_text("id\n1\n")
    assert scores_of(submission) == {}
    scores = {"estimate": 1, "submission_sha256": hashlib.sha256(b"id\n1\n").hexdigest()}
    assert write_scores(tmp_path, scores) == tmp_path / "score.json"
    assert scores_of(submission) == scores
    assert (tmp_path / "score.json").read_text().splitlines()[:2] == ["{", '  "estimate": 1,']  # people read it, too
    assert capsys.readouterr().err == ""
    submission.write_text("id\n2\n")
    assert scores_of(submission) == {}
    assert "belongs to another file, not to submission.csv" in capsys.readouterr().err
    assert read_scores(tmp_path) == scores


def test_scores_of_before_name_no_file(tmp_path: Path) -> None:
    (tmp_path / "submission.csv").write_text("id\n")
    write_scores(tmp_path, {"estimate": 1})
    assert scores_of(tmp_path / "submission.csv") == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_damaged_scores_are_told(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "score.json").write_text(text)
    assert read_scores(tmp_path) == {}
    assert "score.json: is damaged" in capsys.readouterr().err
    write_scores(tmp_path, {"a": 1})
    assert json.loads((tmp_path / "score.json").read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["score.json"]
