"""The pipeline commands: stages run, the submission validated and published with its score.json, a summary."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pulmo import NOT_FOR_CLINICAL_USE
from pulmo.commands.console import log, note, show_json, show_table
from pulmo.competition import (
    ALL_SETTINGS,
    CV_SCORES,
    CV_TABLE,
    DEFAULT_PRESET,
    MODEL,
    PREDICTED,
    Competition,
    StageSpec,
)
from pulmo.errors import CommandLineError, Fault, UserError
from pulmo.estimate import Estimate
from pulmo.files import located
from pulmo.pipeline.changes import refuse_changes
from pulmo.pipeline.cross_validation import CV_DIFFERS, differing_from_cv
from pulmo.pipeline.data_folder import data_folder
from pulmo.pipeline.disk import writable_folder
from pulmo.pipeline.fingerprint import digest_file, digest_output
from pulmo.pipeline.manifest import load_manifest
from pulmo.pipeline.parallel import check_cluster
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.run_settings import RunOrigin, parse_settings, write_settings
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.scores import ESTIMATE, HIDDEN_TEST, SHA256, SUBMISSION, read_scores, write_scores
from pulmo.pipeline.settings import load_settings
from pulmo.pipeline.stage import load
from pulmo.scoring.tables import read_submission, read_table
from pulmo.scoring.validation import validate

ENSEMBLE = "ensemble.json"  # in a model's folder


@dataclass(frozen=True)
class Request:
    """The options of a pipeline command; `None` for the default."""

    competition: Competition
    data: Path | None = None
    out: Path | None = None
    work: Path | None = None
    run: str | None = None
    preset: str = DEFAULT_PRESET
    overrides: tuple[str, ...] = ()
    seed: int | None = None
    cluster: str | None = None
    model: Path | None = None
    json: bool = False
    device: str = "auto"
    config: Path | None = None
    replace: bool = False

    @cached_property
    def run_name(self) -> str:
        """The run's name: by default the preset's, so that the same command again resumes or skips; that in a
        `settings.toml`, or the name of another file of settings.

        A model from elsewhere gets a run of its own, named by its digest: no other run's submission is overwritten.
        """
        if self.run is not None:
            return self.run
        if self.model is not None:
            return f"model-{digest_output(self.model)[:8]}"
        return self.preset if self.config is None else self.origin.name or self.config.stem

    @property
    def data_folder(self) -> Path | None:
        """The folder named with --data, else that of the run that --config is of; None for the default."""
        return self.data or (located(self.origin.data) if self.origin.data else None)

    @property
    def origin(self) -> RunOrigin:
        """What --config says of the run that its settings are of; the defaults without it."""
        return self._config[0]

    @property
    def settings_text(self) -> str:
        """The TOML that the settings are read from: the competition's `config.toml`, or the file in its place.

        Raises:
            CommandLineError: the file cannot be read, or has another competition's settings.
        """
        return self._config[1]

    @cached_property
    def _config(self) -> tuple[RunOrigin, str]:
        if self.config is None:
            return RunOrigin(), self.competition.config
        origin = parse_settings(self.config).origin
        if origin.competition not in ("", self.competition.name):
            remedy = f"Use it with `pulmo {origin.competition}`, or name another file"
            raise CommandLineError(Fault(f"--config {self.config}", f"has settings of {origin.competition}", remedy))
        if origin.preset not in ("", *self.competition.presets):
            what = f"{origin.preset!r} is not a preset"
            remedy = f"Choose from {', '.join(self.competition.presets)}, or remove it"
            raise CommandLineError(Fault(f"{self.config}, [run] preset", what, remedy))
        return origin, self.config.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Summary:
    """The results of a whole run: the validated submission, `score.json`, model, figures, and the estimate."""

    submission: Path
    scores: Path
    model: Path
    figures: tuple[Path, ...]
    score: float
    standard_error: float
    parts: Mapping[str, float]


def run_all(request: Request) -> Summary:
    """Run every stage, validate the submission and publish it with its `score.json`.

    Raises:
        ContractError: the run's model holds no estimate, or not all of it.
    """
    run = prepare(request)
    _check_folders(run, request, request.competition.stages)
    _run(run, request.competition.stages)
    model = output(run, MODEL)
    estimate = Estimate.of(load(model / ENSEMBLE).get("estimate"), str(model / ENSEMBLE))
    submission, scores = _publish(run, request)
    return Summary(submission, scores, model, draw(run), estimate.score, estimate.standard_error, estimate.parts)


def draw(run: Run) -> tuple[Path, ...]:
    """The competition's figures of the run so far; none where the competition has none."""
    if run.competition.figures is None:
        return ()
    figures = run.competition.figures.draw(run.paths)
    if figures and (differing := differing_from_cv(run)):
        note(f"cross-validation, also in its figure, differs from the run in {', '.join(differing)}")
    return tuple(figures)


def run_and_show(request: Request) -> None:
    """Run every stage and print the summary."""
    summary = run_all(request)
    if request.json:
        show_json(asdict(summary))
        return
    estimate = f"{summary.score:.4f} ± {summary.standard_error:.4f}"
    print(f"Submission  {summary.submission} (validated)")
    print(f"Estimate    {request.competition.metric} {estimate}, out of fold and cross-fitted; see {summary.scores}")
    for name, score in summary.parts.items():
        print(f"            {name} {score:.4f}")
    print(f"Model       {summary.model}")
    for figure in summary.figures:
        print(f"Figure      {figure}")
    print(NOT_FOR_CLINICAL_USE)


def run_stage(request: Request, name: str) -> None:
    """One stage alone, on the outputs of those before it."""
    run = prepare(request)
    spec = request.competition.stage(name)
    _check_folders(run, request, [spec])
    for sentence in settings_without_effect(run, request, spec):
        note(sentence)
    _run(run, [spec])
    result: dict[str, Any] = {"stage": name, "folder": str(run.paths.stage(name))}
    if name == "predict":
        result |= {"submission": str(_publish(run, request)[0]), "figures": draw(run)}
    if request.json:
        show_json(result)
    else:
        print(result.get("submission", result["folder"]))
        for figure in result.get("figures", ()):
            print(f"Figure {figure}")


def settings_without_effect(run: Run, request: Request, spec: StageSpec) -> list[str]:
    """A sentence for each `--set` of another section that has no effect on a stage run alone.

    It is of a later stage, or differs from the settings that an earlier stage or a model from elsewhere was made with.
    """
    notes = []
    order = [stage.name for stage in request.competition.stages]
    later = order[order.index(spec.name) + 1 :] if spec.name in order else []
    for override in request.overrides if spec.section != ALL_SETTINGS else ():
        key, _, _ = override.partition("=")
        section, _, name = key.strip().partition(".")
        if section == spec.section:
            continue
        if section in later and not request.model:
            notes.append(f"--set {override} has no effect: `{spec.name}` comes before {section}")
            continue
        before = None if request.model else load_manifest(run.paths.stage(section))
        wanted = json.loads(getattr(run.settings, section).model_dump_json())
        if before is None or before.settings.get(name) != wanted.get(name):
            source = "the model" if request.model else f"the outputs of {section}"
            notes.append(f"--set {override} has no effect: `{spec.name}` uses {source} as made before")
    return notes


def run_cv(request: Request) -> None:
    """Cross-validation by the competition's protocol, after the stages it needs; its table goes to stdout."""
    run = prepare(request)
    needed = {name.partition("/")[0] for name in request.competition.cv.reads}
    specs = [*(spec for spec in request.competition.stages if spec.name in needed), request.competition.cv]
    _check_folders(run, request, specs)
    _run(run, specs)
    scores = load(output(run, CV_SCORES))
    path = _update_scores(run, request, {"cv": scores})
    if request.json:
        show_json(scores)
    else:
        table = load(output(run, CV_TABLE))
        show_table([{name: _cell(row[name]) for name in table} for row in table.to_dict("records")])
        print(f"\nSaved in {path}")
        for figure in draw(run):
            print(f"Figure {figure}")


def prepare(request: Request) -> Run:
    """Read the settings and name the folders of a run.

    Raises:
        CommandLineError: a setting, the run's name or the cluster's address is wrong.
        UserError: the data folder does not exist, or no cluster answers.
    """
    competition, seed = request.competition, request.origin.seed if request.seed is None else request.seed
    settings = load_settings(competition.settings, request.settings_text, request.preset, request.overrides)
    data = data_folder(competition, request.data_folder)
    if request.cluster is not None:
        check_cluster(request.cluster)
    inputs = {} if request.model is None else {MODEL: _checked_model(request.model)}
    paths = RunPaths.of(competition.name, request.run_name, data, request.work, request.out)
    return Run(competition, paths, settings, seed, request.cluster, inputs, request.device)


def _check_folders(run: Run, request: Request, specs: Sequence[StageSpec]) -> None:
    """Check that the folder for results is writable and belongs to this run, and that stages which are there already
    were made with the same settings, seed and data.

    Raises:
        OSError: it is not writable.
        UserError: it holds another run's results, whose estimate would be mistaken for this run's; or other settings'
            results, without --replace.
    """
    writable_folder(run.paths.out)
    theirs = read_scores(run.paths.out).get("run", request.run_name)
    if theirs != request.run_name:
        remedy = f"Choose another folder with --out, or that run with --run {theirs}"
        raise UserError(Fault(str(run.paths.out), f"holds the submission of run {theirs!r}", remedy))
    trained = run.paths.work / MODEL
    if request.model is not None and trained.is_dir() and not trained.samefile(request.model):
        remedy = f"Leave out --run and --work, or predict with the run's own model: --model {trained}"
        raise UserError(Fault(str(run.paths.work), f"is a run with its own model, not {request.model}", remedy))
    if not request.replace:
        refuse_changes(run, specs)


def _checked_model(folder: Path) -> Path:
    if not (folder / ENSEMBLE).is_file():
        remedy = "Name the model/ folder that fit_ensemble wrote"
        raise UserError(Fault(str(folder), f"is not a trained model: it holds no {ENSEMBLE}", remedy))
    return folder


def _run(run: Run, specs: Sequence[StageSpec]) -> None:
    width = max(len(spec.name) for spec in specs)
    notes: list[str] = []
    try:
        for result in run_stages(run, specs):
            took = "unchanged, skipped" if result.skipped else f"{result.manifest.seconds:6.1f} s"
            log(f"{result.spec.name:{width}}  {took:>18}  {result.spec.summary}")
            notes += result.manifest.notes
    except KeyboardInterrupt:
        log("Stopped. Finished work is kept: the same command resumes from there.")
        raise
    for sentence in dict.fromkeys(notes):
        note(sentence)


def _publish(run: Run, request: Request) -> tuple[Path, Path]:
    """Validate the submission against Kaggle's sample and copy it into the run's folder of submissions, with its
    estimate.

    Returns:
        The submission and its `score.json`.
    """
    competition = run.competition
    made = output(run, PREDICTED)
    sample = run.paths.data / competition.sample
    submission = read_submission(made, competition.submission_columns)
    expected = read_table(sample, [competition.row_id]) if sample.is_file() else submission
    validate(submission, expected, competition.submission_columns, competition.submission.check_predictions)
    run.paths.out.mkdir(parents=True, exist_ok=True)
    published = run.paths.out / SUBMISSION
    shutil.copyfile(made, published.with_suffix(".started"))
    published.with_suffix(".started").replace(published)
    estimate = load(output(run, MODEL) / ENSEMBLE).get("estimate")
    known = {} if estimate is None else {ESTIMATE: estimate}
    return published, _update_scores(run, request, {SHA256: digest_file(published), **known})


def _update_scores(run: Run, request: Request, scores: dict[str, Any]) -> Path:
    """Merge scores into the run's score.json, with its settings beside it; cross-validation of other settings is
    marked."""
    known = read_scores(run.paths.out)
    if SHA256 in scores:
        known = {name: value for name, value in known.items() if name not in (ESTIMATE, HIDDEN_TEST)}  # another file's
    about = {"competition": run.competition.name, "run": request.run_name, "metric": run.competition.metric}
    scores = {**known, **about, **scores}
    scores.pop(CV_DIFFERS, None)
    if "cv" in scores and (differing := differing_from_cv(run)):
        scores[CV_DIFFERS] = differing
    path = write_scores(run.paths.out, scores)
    write_settings(run, request.run_name, request.origin.preset or request.preset, request.model)
    return path


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
