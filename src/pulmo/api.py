"""The library as notebooks use it: one object a competition, and trained models applied to new data.

`import pulmo` gives the names that are meant for callers; these are loaded when they are first used.
"""

import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, NamedTuple, cast

import pandas as pd

from pulmo.competition import DEFAULT_PRESET, MODEL, Competition, find_competition, require
from pulmo.errors import Fault, UserError
from pulmo.files import expanded
from pulmo.pipeline.model_folder import competition_of
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run, run_stages
from pulmo.pipeline.settings import load_settings
from pulmo.pipeline.stage import find_output, load
from pulmo.pipeline.tensorflow_options import prepare_tensorflow
from pulmo.scoring.tables import read_submission
from pulmo.scoring.validation import validate

AnyPath = str | os.PathLike[str]
"""A path as callers write it: text or `Path`, `~` for the home folder."""


class DemoData(NamedTuple):
    """Phantom data: the folder `data` in Kaggle's layout, and the file of the hidden answers."""

    data: Path
    solution: Path


class TrainedRun(NamedTuple):
    """A trained run.

    Attributes:
        model: the folder of the trained model.
        submission: the validated `submission.csv` of the test set.
        score: the out-of-fold estimate of its score.
        standard_error: of the estimate.
    """

    model: Path
    submission: Path
    score: float
    standard_error: float


@dataclass(frozen=True)
class CompetitionApi:
    """One competition, such as `pulmo.osic`: its data, its metric, its models."""

    competition: Competition

    def __repr__(self) -> str:
        better = "greater" if self.competition.greater_is_better else "smaller"
        return f"<{self.competition.title}: {self.competition.metric}, {better} is better>"

    def score(self, solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str | None = None) -> float:
        """Kaggle's score of a submission, called as Kaggle calls a metric; neither frame is changed.

        Args:
            solution: the true answers, as `read_solution` gives them.
            submission: in Kaggle's columns.
            row_id_column_name: the id column; by default the competition's.

        Raises:
            ParticipantVisibleError: a column, an id or a value of the submission is invalid; lists all faults.
            TypeError: one of them is not a DataFrame.
            ValueError: the solution is invalid.
        """
        self._require_frames({"solution": solution, "submission": submission})
        return self.competition.submission.score(solution, submission, row_id_column_name or self.competition.row_id)

    def validate(self, submission: pd.DataFrame, sample: pd.DataFrame) -> None:
        """Check a submission against Kaggle's format: columns, ids and values.

        Args:
            submission: in Kaggle's columns.
            sample: Kaggle's sample submission, which has the same ids.

        Raises:
            ParticipantVisibleError: lists all faults.
            TypeError: one of them is not a DataFrame.
        """
        self._require_frames({"submission": submission, "sample": sample})
        named = sample.copy(deep=False)
        named.attrs = {"file": "the sample submission", **sample.attrs}  # so that faults name it
        columns, checked = self.competition.submission_columns, self.competition.submission.check_predictions
        validate(submission, named, columns, checked)

    def _require_frames(self, tables: Mapping[str, object]) -> None:
        for name, table in tables.items():
            reader = "read_solution" if name == "solution" else "read_submission"
            remedy = f"give a DataFrame; pulmo.{self.competition.name}.{reader}(path) reads one from a file"
            _require_type(name, table, pd.DataFrame, remedy)

    def read_submission(self, path: AnyPath) -> pd.DataFrame:
        """Read a submission, or Kaggle's sample, as text. Raises ParticipantVisibleError where Kaggle would refuse
        the file's layout."""
        competition = self.competition
        return read_submission(expanded(path), competition.submission_columns, competition.column_aliases)

    def read_solution(self, path: AnyPath) -> pd.DataFrame:
        """Read the true answers: a solution, or Kaggle's training table. Raises UserError with all its faults."""
        return self.competition.submission.read_solution(expanded(path))

    def demo_data(self, folder: AnyPath, seed: int = 0, **size: Any) -> DemoData:
        """Draw phantom patients and write their files, scans included, as Kaggle lays them out.

        Args:
            folder: for `data` and `solution.csv`; not there yet, or empty.
            seed: random seed; equal arguments write equal bytes.
            **size: further fields of the competition's `PhantomSettings`, such as the number of patients.

        Raises:
            UserError: the folder is not empty.
        """
        phantom = require(self.competition.phantom, self.competition, "phantom.py", "draw demo data")
        made = DemoData(expanded(folder) / "data", expanded(folder) / "solution.csv")
        if made.data.exists():
            raise UserError(Fault(str(made.data), "is there already", "Use it, or name another folder"))
        phantom.write_phantom(made.data, made.solution, phantom.PhantomSettings(seed=seed, **size))
        return made

    def train(
        self,
        data: AnyPath,
        run: str | None = None,
        *,
        preset: str = DEFAULT_PRESET,
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
        device: str = "auto",
    ) -> TrainedRun:
        """Run all stages, as `pulmo NAME run` does: train, fit the ensemble, predict the test set, validate.

        Results go to `work/<name>/<run>` and `submissions/<name>/<run>`; the same call again resumes or skips.

        Args:
            data: Kaggle's files.
            run: name of the run; by default the preset's.
            preset: block of settings in the competition's `config.toml`.
            settings: further settings by their names, such as `{"features.folds": 3}`.
            seed: random seed.
            device: for networks: auto (all GPUs, or else the CPU), cpu, gpu, or names such as gpu:0.

        Raises:
            TypeError: `settings` is not a mapping.
            UserError: a setting or a file is at fault.
        """
        from pulmo.commands.run import Request, run_all

        _require_type("settings", settings, Mapping | None, 'give values by name, such as {"features.folds": 3}')
        prepare_tensorflow()
        overrides = tuple(f"{name}={json.dumps(value, default=str)}" for name, value in (settings or {}).items())
        request = Request(
            self.competition, expanded(data), run=run, preset=preset, overrides=overrides, seed=seed, device=device
        )
        done = run_all(request)
        return TrainedRun(done.model, done.submission, done.score, done.standard_error)


@dataclass(frozen=True)
class Prediction:
    """What a trained model predicts of new data.

    Attributes:
        submission: the predictions in Kaggle's columns, as text.
        notes: what was repaired or left out, in sentences.
        outputs: names of all outputs, for `read`.
    """

    submission: pd.DataFrame
    notes: tuple[str, ...]
    outputs: tuple[str, ...]
    _folder: Path

    def __repr__(self) -> str:
        return f"<Prediction of {len(self.submission):,} rows; outputs: {', '.join(self.outputs)}>"

    def read(self, output: str) -> Any:
        """An output in numbers: a table, or an array (memory-mapped) that stays readable as long as this object.

        Raises:
            UserError: there is no output of that name.
        """
        if output not in self.outputs:
            raise UserError(Fault("prediction", f"has no output {output!r}", f"Choose from {', '.join(self.outputs)}"))
        return load(cast(Path, find_output(self._folder, output)))


def predict(model: AnyPath, data: AnyPath | Iterable[AnyPath] | pd.DataFrame, device: str = "auto") -> Prediction:
    """Predict new data with a trained model of any competition.

    Args:
        model: the `model/` folder of a run; it names its competition.
        data: a folder in Kaggle's layout, with its test set (without a sample submission, everything there is
            predicted); or the images or scans themselves: a file, a folder of them, or several paths; or the test
            set's table in Kaggle's columns, where the competition has one.
        device: for networks: auto (all GPUs, or else the CPU), cpu, gpu, or names such as gpu:0.

    Raises:
        TypeError: `data` is of another type.
        UserError: the model or the data are at fault; faults name the paths that were given, and a DataFrame "data".
    """
    prepare_tensorflow()
    folder = expanded(model)
    competition = find_competition(competition_of(folder))
    spec = competition.stage("predict")
    settings = load_settings(competition.settings, competition.config)
    scratch = Path(tempfile.mkdtemp(prefix="pulmo-"))
    try:
        laid_out = _in_layout(competition, data, scratch / "data")
        paths = RunPaths(laid_out.folder, scratch / "work", scratch / "out")
        run = Run(competition, paths, settings, inputs={MODEL: folder.resolve()}, device=device)
        try:
            (done,) = run_stages(run, [spec])
        except UserError as error:
            raise type(error)(map(laid_out.named, error.faults)) from None
        file = cast(Path, find_output(done.folder, "submission"))
        submission = read_submission(file, competition.submission_columns, competition.column_aliases)
        notes = tuple(map(laid_out.original, done.manifest.notes))
        prediction = Prediction(submission, notes, spec.writes, done.folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    weakref.finalize(prediction, shutil.rmtree, scratch, ignore_errors=True)
    return prediction


def _require_type(name: str, value: object, kind: type | UnionType, remedy: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} is a {type(value).__name__}: {remedy}")


class _LaidOut(NamedTuple):
    """New data in Kaggle's layout.

    Attributes:
        folder: with the test set.
        originals: what the caller gave, by the path of the file or link that stands for it in `folder`.
    """

    folder: Path
    originals: Mapping[str, str]

    def original(self, text: str) -> str:
        """A sentence with the caller's names in the place of temporary paths."""
        for path in sorted(self.originals, key=len, reverse=True):  # `scan10` before `scan1`
            text = text.replace(path, self.originals[path])
        return text

    def named(self, fault: Fault) -> Fault:
        """A fault likewise."""
        return Fault(self.original(fault.where), self.original(fault.what), self.original(fault.remedy))


def _in_layout(competition: Competition, data: AnyPath | Iterable[AnyPath] | pd.DataFrame, folder: Path) -> _LaidOut:
    """New data in Kaggle's layout: the folder given, or `folder` with a table or links in it."""
    if isinstance(data, pd.DataFrame):
        return _with_table(competition, data, folder)
    _require_type("data", data, str | os.PathLike | Iterable, "give a path, several paths, or a DataFrame")
    paths = [expanded(data)] if isinstance(data, (str, os.PathLike)) else [expanded(path) for path in data]
    if not paths:
        raise UserError(Fault("data", "no path is given", "Give images or scans, or a folder of them"))
    if missing := [path for path in paths if not path.exists()]:
        raise UserError(Fault(str(path), "there is no such file or folder", "Correct the path") for path in missing)
    if len(paths) == 1 and paths[0].is_dir() and _is_layout(competition, paths[0]):
        return _LaidOut(paths[0], {})
    if competition.test_table:
        remedy = f"Give a folder with {competition.test_table} in it, or that table as a DataFrame"
        raise UserError(Fault("data", f"{competition.test_table} is missing, which {competition.name} needs", remedy))
    return _with_links(competition, paths, folder)


def _is_layout(competition: Competition, folder: Path) -> bool:
    if competition.test_table:
        return (folder / competition.test_table).is_file()
    return any((folder / name).exists() for name in competition.stage("predict").data)


def _with_table(competition: Competition, table: pd.DataFrame, folder: Path) -> _LaidOut:
    if not competition.test_table:
        remedy = "Give the paths of images or scans, or a folder of them"
        raise UserError(Fault("data", f"{competition.name} predicts images, not a table", remedy))
    folder.mkdir(parents=True)
    file = folder / competition.test_table
    table.to_csv(file, index=False)
    return _LaidOut(folder, {str(file): "data"})


def _with_links(competition: Competition, paths: list[Path], folder: Path) -> _LaidOut:
    target = folder / competition.test_files
    target.mkdir(parents=True)
    originals: dict[str, str] = {}
    for path in paths:
        link = target / path.resolve().name
        if link.is_symlink():
            raise UserError(Fault(str(path), f"is the second of the name {link.name}", "Rename one of them"))
        link.symlink_to(path.resolve(), target_is_directory=path.is_dir())
        originals[str(link)] = str(path)
    return _LaidOut(folder, originals)
