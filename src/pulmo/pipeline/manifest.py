"""What went into a finished stage and what came out: `manifest.json` beside its outputs."""

import json
from pathlib import Path
from typing import Any

from pulmo.pipeline.settings import Section

MANIFEST = "manifest.json"


class Manifest(Section):
    """The record of one finished stage.

    `digest` says what went in (`inputs`, `settings`, `code`, `seed`); `outputs` gives the SHA-256 of each output;
    `notes` are the sentences for the run's summary (scans that could not be read, models left out).
    """

    stage: str
    digest: str
    seed: int
    inputs: dict[str, str]
    settings: dict[str, Any]
    code: str
    outputs: dict[str, str]
    notes: tuple[str, ...]
    seconds: float

    def save(self, folder: Path) -> None:
        """Write it into a stage's folder."""
        (folder / MANIFEST).write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n")


def load_manifest(folder: Path) -> Manifest | None:
    """The manifest of a stage's folder; None where the stage has not finished."""
    path = folder / MANIFEST
    return Manifest.model_validate_json(path.read_text()) if path.is_file() else None
