"""The record of a finished stage, its inputs and outputs: `manifest.json` beside the outputs."""

import json
from pathlib import Path
from typing import Any

from pydantic import Field

from pulmo.pipeline.disk import atomically
from pulmo.pipeline.fingerprint import digest_output, stamp_of
from pulmo.pipeline.settings import Section

MANIFEST = "manifest.json"


class Manifest(Section):
    """The record of one finished stage.

    `digest` is of all inputs (`inputs`, `settings`, `code`, `seed`); `outputs` gives the SHA-256 of each output,
    `stamps` the sizes and times of its files; `notes` are the sentences for the run's summary (scans that could not be
    read, models left out).
    `data` is the folder of Kaggle's files as it was named, `trained_on` the device that networks were trained on (empty
    where none was), `finished` the time at the end (ISO 8601, UTC).
    """

    stage: str
    digest: str
    seed: int
    inputs: dict[str, str]
    settings: dict[str, Any]
    code: str
    outputs: dict[str, str]
    stamps: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...]
    seconds: float
    data: str
    trained_on: str
    finished: str

    def save(self, folder: Path) -> None:
        """Write it into a stage's folder."""
        text = json.dumps(self.model_dump(mode="json"), indent=2) + "\n"
        atomically(folder / MANIFEST, lambda path: path.write_text(text))

    def holds(self, name: str, path: Path) -> bool:
        """Whether an output is what the stage left."""
        return stamp_of(path) == self.stamps.get(name) or digest_output(path) == self.outputs.get(name)


def load_manifest(folder: Path) -> Manifest | None:
    """The manifest of a stage's folder; None where the stage has not finished, or its manifest is damaged."""
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes()) if path.is_file() else None
    except ValueError:
        return None
