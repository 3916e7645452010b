"""Every run of a competition as it lies on the disk: settings, scores, stages; and the newest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pulmo.competition import ROW_SCORES, Competition
from pulmo.errors import CommandLineError, Fault, UserError
from pulmo.files import located
from pulmo.pipeline.manifest import Manifest, load_manifest
from pulmo.pipeline.paths import submissions_of, works_of
from pulmo.pipeline.run_settings import SETTINGS, RunOrigin, RunSettings, flat, read_settings
from pulmo.pipeline.scores import SCORES, SUBMISSION, read_scores, scores_of
from pulmo.pipeline.settings import load_settings
from pulmo.pipeline.stage import find_output, load

PAGE = "report.html"


@dataclass(frozen=True)
class RunRecord:
    """One run.

    Attributes:
        competition: of the run.
        name: of the run.
        out: its folder of submissions.
        settings: its `settings.toml`; of a run that has not reached its submission, an empty one.
        stages: manifests of the finished stages, by name.
        scores: its `score.json`; empty where that is not of the submission beside it.
    """

    competition: Competition
    name: str
    out: Path
    settings: RunSettings
    stages: Mapping[str, Manifest]
    scores: Mapping[str, Any] = field(default_factory=dict)

    @property
    def origin(self) -> RunOrigin:
        """What `settings.toml` says of the run."""
        return self.settings.origin

    @property
    def work(self) -> Path:
        """Its folder of intermediate results."""
        return _work(self.competition, self.name, self.settings)

    @property
    def data(self) -> Path | None:
        """The folder of Kaggle's files that it was last made from; None where it is unknown."""
        last = max(self.stages.values(), key=lambda stage: stage.finished, default=None)
        named = self.origin.data if last is None else last.data
        return located(named) if named else None

    @property
    def finished(self) -> str:
        """When its last stage was finished (ISO 8601, UTC); empty where no stage is there."""
        return max((stage.finished for stage in self.stages.values()), default="")

    @property
    def seconds(self) -> float:
        """The time that its stages took."""
        return sum(stage.seconds for stage in self.stages.values())

    @property
    def trained_on(self) -> str:
        """The devices that its networks were trained on; empty where there is no network."""
        return "; ".join(dict.fromkeys(stage.trained_on for stage in self.stages.values() if stage.trained_on))

    @property
    def estimate(self) -> Mapping[str, Any]:
        """The estimate in `score.json`; empty where there is none."""
        found = self.scores.get("estimate")
        return found if isinstance(found, dict) else {}

    def differing(self) -> dict[str, Any]:
        """The settings that differ from those of the run's preset as it is now, and a seed other than 0.

        All settings where that preset is not there any more.
        """
        own = flat(self.settings.sections)
        try:
            competition = self.competition
            preset = load_settings(competition.settings, competition.config, self.origin.preset or "")
            usual = flat(json.loads(preset.model_dump_json()))
        except UserError:
            usual = {}
        seed = {"seed": self.origin.seed} if self.origin.seed else {}
        return {key: value for key, value in own.items() if usual.get(key) != value} | seed

    def row_scores(self) -> pd.DataFrame | None:
        """The out-of-fold score of each row, see `pulmo.competition.ROW_SCORES`; None where the run has none."""
        stage, _, name = ROW_SCORES.partition("/")
        path = find_output(self.work / stage, name)
        return None if path is None else load(path)


def runs_of(competition: Competition) -> list[RunRecord]:
    """Every run that has left a submission, a page or a finished stage, the newest first."""
    published = [
        path.parent for name in (SCORES, SETTINGS, PAGE) for path in submissions_of(competition.name).glob(f"*/{name}")
    ]
    worked = [path.parents[1] for path in works_of(competition.name).glob("*/*/manifest.json")]
    names = {folder.name for folder in (*published, *worked)}
    return sorted(
        (_record(competition, name) for name in names), key=lambda run: (run.finished, run.name), reverse=True
    )


def find_run(competition: Competition, name: str) -> RunRecord:
    """The run of that name.

    Raises:
        CommandLineError: there is none.
    """
    runs = {run.name: run for run in runs_of(competition)}
    if name not in runs:
        known = (
            f"There are {', '.join(runs)}"
            if runs
            else f"Train one: `pulmo {competition.name} run --run {name} --data DIR`"
        )
        raise CommandLineError(Fault(name, f"is not a run of {competition.name}", known))
    return runs[name]


def newest_run(competition: Competition, output: str = "", data: Path | None = None) -> RunRecord | None:
    """The run whose stages were finished last; None where there is none.

    Args:
        competition: of the run.
        output: named `stage/output`: only runs that have it.
        data: a folder of Kaggle's files: only runs made from it.
    """
    stage, _, key = output.partition("/")
    for run in runs_of(competition):
        has_output = not output or find_output(run.work / stage, key) is not None
        of_data = data is None or (run.data is not None and run.data.absolute() == data.absolute())
        if run.finished and has_output and of_data:
            return run
    return None


def _record(competition: Competition, name: str) -> RunRecord:
    out = submissions_of(competition.name) / name
    settings = read_settings(out) or RunSettings(RunOrigin(competition=competition.name, name=name), {})
    work = _work(competition, name, settings)
    specs = (*competition.stages, competition.cv)
    stages = {spec.name: made for spec in specs if (made := load_manifest(work / spec.name)) is not None}
    submission = out / SUBMISSION
    scores = scores_of(submission) if submission.is_file() else read_scores(out)
    return RunRecord(competition, name, out, settings, stages, scores)


def _work(competition: Competition, name: str, settings: RunSettings) -> Path:
    named = settings.origin.work
    return Path(named) if named else works_of(competition.name) / name
