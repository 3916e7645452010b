"""`score.json`: the estimate of a submission's score, and the SHA-256 of the file that it belongs to."""

import json
from pathlib import Path
from typing import Any

from pulmo.pipeline.fingerprint import digest_file
from pulmo.pipeline.log import log

SCORES, SUBMISSION = "score.json", "submission.csv"
SHA256, ESTIMATE, HIDDEN_TEST = "submission_sha256", "estimate", "hidden_test"


def read_scores(folder: Path) -> dict[str, Any]:
    """What a folder's `score.json` holds; empty where it is missing or damaged."""
    path = folder / SCORES
    if not path.is_file():
        return {}
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        scores = None
    if not isinstance(scores, dict):
        log(f"{path}: is damaged and ignored; the run's `predict` writes it again")
        return {}
    return scores


def write_scores(folder: Path, scores: dict[str, Any]) -> Path:
    """Write a folder's `score.json`, whole or not at all."""
    path = folder / SCORES
    folder.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".started").write_text(json.dumps(scores, indent=2) + "\n")
    path.with_suffix(".started").replace(path)
    return path


def scores_of(submission: Path) -> dict[str, Any]:
    """The `score.json` beside a submission; empty, with a message, if it belongs to another file."""
    scores = read_scores(submission.parent)
    if not scores or scores.get(SHA256) == digest_file(submission):
        return scores
    log(f"{submission.parent / SCORES}: belongs to another file, not to {submission.name}: its estimate is not used")
    return {}
