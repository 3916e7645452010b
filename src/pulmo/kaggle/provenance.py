"""The origin of a submission: its run, settings, cross-validated estimate, and commit."""

import json
import math
import subprocess
from pathlib import Path
from typing import Any

from pulmo.competition import Competition
from pulmo.kaggle.ledger import LEDGER, Entry
from pulmo.pipeline.fingerprint import digest_file, digest_value
from pulmo.pipeline.manifest import MANIFEST
from pulmo.pipeline.paths import works_of
from pulmo.pipeline.scores import scores_of


def entry_of(competition: Competition, submission: Path, message: str, kernel: str = "") -> Entry:
    """The ledger's row for a file that is about to be sent.

    Run and estimate come from the `score.json` beside it, if that belongs to this file, and the settings from the run's
    manifests; unknown values stay empty.
    """
    known = scores_of(submission)
    run = str(known.get("run", ""))
    estimate = known.get("estimate")
    estimate = estimate if isinstance(estimate, dict) else {}
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
    work = works_of(competition.name) / run
    folders = [work / spec.name for spec in competition.stages] if run else []
    settings = {folder.name: found for folder in folders if (found := _settings_in(folder / MANIFEST)) is not None}
    return digest_value(settings)[:16] if settings else ""


def _settings_in(manifest: Path) -> Any:
    try:
        return json.loads(manifest.read_text())["settings"]
    except (OSError, ValueError, KeyError, TypeError):  # missing or damaged: unknown
        return None


def _commit() -> tuple[str, str]:
    """The commit, and whether the files besides the ledger equal it (`yes` or `no`); empty outside a repository."""
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--", ".", f":(exclude){LEDGER}")
    return (commit, "no" if changes else "yes") if commit else ("", "")


def _git(*words: str) -> str:
    try:
        answer = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return answer.stdout.strip()


def _number(value: Any) -> str:
    return f"{value:.6f}" if isinstance(value, int | float) and math.isfinite(value) else ""
