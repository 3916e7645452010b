"""Where a submission comes from: its run, the settings, the estimate made before it was sent, and the commit."""

import json
import subprocess
from pathlib import Path

from pulmo.competition import Competition
from pulmo.kaggle.ledger import LEDGER, Entry
from pulmo.pipeline.fingerprint import digest_file, digest_value
from pulmo.pipeline.manifest import MANIFEST
from pulmo.pipeline.paths import RunPaths


def entry_of(competition: Competition, submission: Path, message: str, kernel: str = "") -> Entry:
    """A ledger's row for a file that is about to be sent.

    Run and estimate come from the `score.json` beside it, the settings from that run's manifests; what is not known
    stays empty.
    """
    scores = submission.parent / "score.json"
    known = json.loads(scores.read_text()) if scores.is_file() else {}
    run = str(known.get("run", ""))
    estimate = known.get("estimate", {})
    commit, clean = _commit()
    return Entry(
        when="",
        competition=competition.name,
        run=run,
        sha256=digest_file(submission),
        git_commit=commit,
        git_clean=clean,
        settings=_settings_digest(competition, run),
        cv_mean=_number(estimate.get("score")),
        cv_error=_number(estimate.get("standard_error")),
        message=message,
        kernel=kernel,
        ref="",
        status="",
        public_score="",
        private_score="",
    )


def _settings_digest(competition: Competition, run: str) -> str:
    work = RunPaths.of(competition.name, run, Path()).work
    manifests = sorted(work.glob(f"*/{MANIFEST}")) if run else []
    settings = {path.parent.name: json.loads(path.read_text())["settings"] for path in manifests}
    return digest_value(settings)[:16] if settings else ""


def _commit() -> tuple[str, str]:
    """The commit, and whether everything but the ledger was as committed; empty outside a repository."""
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--", ".", f":(exclude){LEDGER}")
    return (commit, "no" if changes else "yes") if commit else ("", "")


def _git(*words: str) -> str:
    try:
        answer = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return answer.stdout.strip()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
