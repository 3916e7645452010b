"""A competition's stages, from the command's words to a submission, its score.json and a summary."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from pulmo import NOT_FOR_CLINICAL_USE
from pulmo.commands.console import log, show_json, show_table
from pulmo.competition import Competition, StageSpec
from pulmo.errors import Fault, UserError
from pulmo.pipeline.cross_validation import CV_DIFFERS, differing_from_cv
from pulmo.pipeline.disk import writable_folder
from pulmo.pipeline.fingerprint import digest_file, digest_output
from pulmo.pipeline.manifest import load_manifest
from pulmo.pipeline.parallel import check_cluster
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.scores import SHA256, SUBMISSION, read_scores, write_scores
from pulmo.pipeline.settings import DEFAULT_PRESET, load_settings
from pulmo.pipeline.stage import load
from pulmo.scoring.tables import read_submission, read_table
from pulmo.scoring.validation import validate

MODEL = "fit_ensemble/model"


@dataclass(frozen=True)
class Request:
    """What the user asked for; `None` where the default will do."""

    competition: Competition
    data: Path | None = None
    out: Path | None = None
    work: Path | None = None
    run: str | None = None
    preset: str = DEFAULT_PRESET
    overrides: tuple[str, ...] = ()
    seed: int = 0
    cluster: str | None = None
    model: Path | None = None
    json: bool = False
    device: str = "auto"

    @cached_property
    def run_name(self) -> str:
        """The run's name: by default the preset's, so that the same command again resumes or skips.

        A model from elsewhere has a run of its own, named by its digest: no other run's submission is overwritten.
        """
        if self.run is not None:
            return self.run
        return self.preset if self.model is None else f"model-{digest_output(self.model)[:8]}"


@dataclass(frozen=True)
class Summary:
    """What a whole run leaves: the validated submission, the estimate of its score and its error, model, pictures."""

    submission: Path
    scores: Path
    model: Path
    pictures: tuple[Path, ...]
    score: float
    standard_error: float


def run_all(request: Request) -> Summary:
    """Every stage; then the submission is validated and put, with `score.json`, where it may be sent from."""
    run = prepare(request)
    _check_folders(run, request)
    _run(run, request.competition.stages)
    submission, scores = _publish(run, request)
    model = output(run, MODEL)
    estimate = load(model / "ensemble.json")["estimate"]
    return Summary(submission, scores, model, draw(run), estimate["score"], estimate["standard_error"])


def draw(run: Run) -> tuple[Path, ...]:
    """The competition's pictures of what the run has made so far."""
    pictures: list[Path] = run.competition.module("figures").draw(run.paths)
    if pictures and (differing := differing_from_cv(run)):
        log(f"  note: cross-validation, in its picture too, differs from the run in {', '.join(differing)}")
    return tuple(pictures)


def run_and_show(request: Request) -> None:
    """`run_all`, and its summary on stdout."""
    summary = run_all(request)
    if request.json:
        show_json(asdict(summary))
        return
    estimate = f"{summary.score:.4f} ± {summary.standard_error:.4f}"
    print(f"Submission  {summary.submission} (validated)")
    print(
        f"Estimate    {request.competition.metric} {estimate}, out of fold and cross-fitted; kept in {summary.scores}"
    )
    print(f"Model       {summary.model}")
    for picture in summary.pictures:
        print(f"Picture     {picture}")
    print(NOT_FOR_CLINICAL_USE)


def run_stage(request: Request, name: str) -> None:
    """One stage alone, on the outputs of those before it."""
    run = prepare(request)
    _check_folders(run, request)
    spec = request.competition.stage(name)
    for note in idle_settings(run, request, spec):
        log(f"  note: {note}")
    _run(run, [spec])
    result: dict[str, Any] = {"stage": name, "folder": str(run.paths.stage(name))}
    if name == "predict":
        result |= {"submission": str(_publish(run, request)[0]), "pictures": draw(run)}
    if request.json:
        show_json(result)
    else:
        print(result.get("submission", result["folder"]))
        for picture in result.get("pictures", ()):
            print(f"Picture {picture}")


def idle_settings(run: Run, request: Request, spec: StageSpec) -> list[str]:
    """A sentence for each `--set` that changes nothing in a stage run alone, where it differs from what earlier stages,
    or a model from elsewhere, were made with."""
    notes = []
    for override in request.overrides if spec.section else ():
        key, _, _ = override.partition("=")
        section, _, name = key.strip().partition(".")
        if section == spec.section:
            continue
        before = None if request.model else load_manifest(run.paths.stage(section))
        wanted = json.loads(getattr(run.settings, section).model_dump_json())
        if before is None or before.settings.get(name) != wanted.get(name):
            made = "the model" if request.model else f"what {section} has made"
            notes.append(f"--set {override} changes nothing here: `{spec.name}` goes by {made}")
    return notes


def run_cv(request: Request) -> None:
    """The competition's own protocol of cross-validation, with what it needs before it; the table goes to stdout."""
    run = prepare(request)
    _check_folders(run, request)
    needed = {name.partition("/")[0] for name in request.competition.cv.reads}
    before = [spec for spec in request.competition.stages if spec.name in needed]
    _run(run, [*before, request.competition.cv])
    scores = load(output(run, "cv/scores"))
    path = _update_scores(run, request, {"cv": scores})
    if request.json:
        show_json(scores)
    else:
        table = load(output(run, "cv/table"))
        show_table([{name: _cell(row[name]) for name in table} for row in table.to_dict("records")])
        print(f"\nKept in {path}")
        for picture in draw(run):
            print(f"Picture {picture}")


def prepare(request: Request) -> Run:
    """Settings read and folders named.

    Raises:
        CommandLineError: a setting, the run's name or the cluster's address is wrong.
        UserError: the data folder is not there, or no cluster answers.
    """
    competition = request.competition
    config = (resources.files(f"pulmo.competitions.{competition.name}") / "config.toml").read_text()
    settings = load_settings(competition.module("settings").Settings, config, request.preset, request.overrides)
    data = request.data or Path("data") / competition.kaggle_slug
    if not data.is_dir():
        remedy = f"Put Kaggle's files of {competition.kaggle_slug} there, or name their folder with --data"
        raise UserError(Fault(str(data), "there is no such folder", remedy))
    if request.cluster is not None:
        check_cluster(request.cluster)
    inputs = {} if request.model is None else {MODEL: _checked_model(request.model)}
    paths = RunPaths.of(competition.name, request.run_name, data, request.work, request.out)
    return Run(competition, paths, settings, request.seed, request.cluster, inputs, request.device)


def _check_folders(run: Run, request: Request) -> None:
    """A folder for results that can be written to, and is not another run's, whose estimate would stand beside them.

    Raises:
        OSError: nothing can be written there.
        UserError: it would.
    """
    writable_folder(run.paths.out)
    theirs = read_scores(run.paths.out).get("run", request.run_name)
    if theirs != request.run_name:
        remedy = f"Choose another folder with --out, or that run with --run {theirs}"
        raise UserError(Fault(str(run.paths.out), f"holds the submission of run {theirs!r}", remedy))
    trained = run.paths.work / MODEL
    if request.model is not None and trained.is_dir() and not trained.samefile(request.model):
        remedy = f"Leave out --run and --work, or predict with the run's own model: --model {trained}"
        raise UserError(Fault(str(run.paths.work), f"is a run with a model of its own, not {request.model}", remedy))


def _checked_model(folder: Path) -> Path:
    if not (folder / "ensemble.json").is_file():
        remedy = "Name the model/ folder that fit_ensemble made"
        raise UserError(Fault(str(folder), "is no trained model: it holds no ensemble.json", remedy))
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
        log("Stopped. What is finished is kept: the same command goes on from there.")
        raise
    for note in dict.fromkeys(notes):
        log(f"  note: {note}")


def _publish(run: Run, request: Request) -> tuple[Path, Path]:
    """Validate the submission against Kaggle's sample and copy it to where it may be sent from, with its estimate.

    Returns:
        The submission and its `score.json`.
    """
    competition = run.competition
    made = output(run, "predict/submission")
    sample = run.paths.data / competition.sample
    submission = read_submission(made, competition.submission_columns)
    expected = read_table(sample, [competition.row_id]) if sample.is_file() else submission
    validate(submission, expected, competition.submission_columns, competition.module("submission").check_cells)
    run.paths.out.mkdir(parents=True, exist_ok=True)
    published = run.paths.out / SUBMISSION
    shutil.copyfile(made, published.with_suffix(".started"))
    published.with_suffix(".started").replace(published)
    estimate = load(output(run, MODEL) / "ensemble.json").get("estimate")
    known = {} if estimate is None else {"estimate": estimate}
    return published, _update_scores(run, request, {SHA256: digest_file(published), **known})


def _update_scores(run: Run, request: Request, scores: dict[str, Any]) -> Path:
    """Put scores into the run's score.json, beside those there; cross-validation of other settings is marked."""
    known = read_scores(run.paths.out)
    if SHA256 in scores:
        known.pop("estimate", None)  # that of another file
    about = {"competition": run.competition.name, "run": request.run_name, "metric": run.competition.metric}
    scores = {**known, **about, **scores}
    scores.pop(CV_DIFFERS, None)
    if "cv" in scores and (differing := differing_from_cv(run)):
        scores[CV_DIFFERS] = differing
    return write_scores(run.paths.out, scores)


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
