"""The solution as a Kaggle kernel: built, rehearsed locally, pushed."""

import json
from pathlib import Path
from typing import NamedTuple

from pulmo.commands.console import log, note, show_table
from pulmo.commands.demo import DEMO, demo_data
from pulmo.competition import MODEL, Accelerator, Competition
from pulmo.errors import CommandLineError, Fault, UserError
from pulmo.kaggle.credentials import user_name
from pulmo.kaggle.folders import INFER, TRAIN, built_kernel
from pulmo.kaggle.limits import Limit
from pulmo.kaggle.metadata import OWNER, as_notebook, kernel_metadata
from pulmo.kaggle.rehearse import Rehearsal, rehearse
from pulmo.pipeline.data_folder import data_folder
from pulmo.pipeline.disk import writing_to
from pulmo.pipeline.paths import works_of
from pulmo.pipeline.runs import RunRecord, find_run, newest_run
from pulmo.pipeline.scores import write_scores
from pulmo.storage import StorePath


class BuildRequest(NamedTuple):
    """The options of `kernel build`; `None` and the empty image stand for the defaults."""

    train: bool = False
    notebook: bool = False
    run: str | None = None
    owner: str | None = None
    accelerator: Accelerator | None = None
    docker_image: str = ""
    data: Path | None = None


def build_kernel(competition: Competition, request: BuildRequest) -> None:
    """Build the kernel, for prediction from a run's model, and print its packages and sizes."""
    from pulmo.kaggle.build import build

    kind = TRAIN if request.train else INFER
    run = None if request.train else _run_with_model(competition, request.run)
    model = None if run is None else run.work / MODEL
    owner = request.owner if request.owner is not None else user_name() or OWNER
    metadata = kernel_metadata(competition, kind, owner, request.accelerator, request.docker_image)
    if request.notebook:
        metadata = as_notebook(metadata)
    companions = _companions(competition, request.data) if request.train else []
    with writing_to(built_kernel(competition, kind).parent):
        built = build(competition, kind, model, metadata, companions)
    if run is not None and model is not None:
        log(f"The kernel contains the model of run {run.name!r}, trained on {run.data}.")
        _keep_estimate(competition, run.name, model, built_kernel(competition, kind).parent)
    for path in companions:
        log(f"The kernel's dataset takes along {path}.")
    show_table(
        [{"package": name, "version": version, "licence": licence} for name, version, licence in built.packages]
        or [{"package": "none", "version": "–", "licence": "–"}]
    )
    print(f"Machine  {metadata['machine_shape'] or 'CPU'}, at most {metadata['session_timeout_seconds'] / 3600:.3g} h")
    print(f"{'Notebook' if request.notebook else 'Script  '} {built.kernel}: {built.code_bytes / 1e6:.2f} MB")
    print(f"Dataset  {built.dataset}: {built.dataset_bytes / 1e6:.1f} MB")


def rehearse_kernel(competition: Competition, train: bool, data: Path | None, python: str | None) -> None:
    """Run the built kernel as Kaggle would, and print its use of Kaggle's limits and its score."""
    kind = TRAIN if train else INFER
    if isinstance(data, StorePath):
        remedy = "Download a part of it, and name that folder"
        raise CommandLineError(Fault(f"--data {data}", "is a URL: the rehearsal links to files on the disk", remedy))
    data = demo_data(competition)[0] if data is None else data_folder(competition, data)
    done = rehearse(competition, kind, data, python, {"PULMO_PRESET": DEMO})
    for sentence in dict.fromkeys(sentence for run in done.runs for sentence in run.notes):
        note(sentence)
    show_table(_limit_table(done))
    for run in done.runs:
        print(f"Validated and scored: {competition.metric} {run.score:.6f} with {run.layout}")


def push_kernel(competition: Competition, train: bool) -> None:
    """Push the built kernel, wait until it has run, and fetch its output."""
    from pulmo.kaggle.push import push  # imports Kaggle's client

    pushed = push(competition, TRAIN if train else INFER)
    print(f"{pushed.kernel}, version {pushed.version}: done")
    for path in pushed.files:
        print(f"output   {path}")
    if not train:
        print(f"Submit it with: pulmo {competition.name} submit {pushed.folder / 'submission.csv'} "
              f"--kernel-version {pushed.version} -m MESSAGE")  # fmt: skip


def _run_with_model(competition: Competition, name: str | None) -> RunRecord:
    """The run of that name, or the one whose model was trained last.

    Raises:
        CommandLineError: there is no run of that name.
        UserError: it has no trained model, or no run has one.
    """
    record = newest_run(competition, MODEL) if name is None else find_run(competition, name)
    if record is None:
        remedy = f"Train one: `pulmo {competition.name} run --data DIR`, or `pulmo demo {competition.name}`"
        raise UserError(Fault(str(works_of(competition.name)), "there is no run with a trained model", remedy))
    if not (record.work / MODEL).is_dir():
        remedy = f"Train it: `pulmo {competition.name} run --run {record.name} --data DIR`"
        raise UserError(Fault(str(record.work / MODEL), "the run has no trained model", remedy))
    return record


def _companions(competition: Competition, data: Path | None) -> list[Path]:
    """The user's own files in the data folder."""
    folder = competition.default_data if data is None else data_folder(competition, data)
    return [folder / name for name in competition.companion_files if (folder / name).is_file()]


def _keep_estimate(competition: Competition, run: str, model: Path, folder: Path) -> None:
    """Write the model's estimate beside the built kernel, from where the ledger takes it when it is submitted."""
    try:
        estimate = json.loads((model / "ensemble.json").read_text()).get("estimate")
    except (OSError, ValueError, AttributeError):
        estimate = None
    if estimate is not None:
        about = {"competition": competition.name, "run": run, "metric": competition.metric}
        write_scores(folder, about | {"estimate": estimate})


def _limit_table(done: Rehearsal) -> list[dict[str, str]]:
    """A row for each limited resource: the use with each layout, the limit, and the larger share of it."""
    uses = [run.use for run in done.runs]
    rows = [
        ("time", [use.seconds / 3600 for use in uses], done.limits[done.time_limit]),
        ("memory", [use.memory_bytes / 1e9 for use in uses], done.limits["memory_gb"]),
        ("output and /tmp", [use.disk_bytes / 1e9 for use in uses], done.limits["output_gb"]),
        ("script", [done.code_bytes / 1e6], done.limits["script_mb"]),
    ]
    return [_limit_row(name, used, limit) for name, used, limit in rows]


def _limit_row(name: str, used: list[float], limit: Limit) -> dict[str, str]:
    return {
        "resource": name,
        "used": " and ".join(_amount(amount, limit.unit) for amount in used),
        "limit": f"{limit.amount:g} {limit.unit}",
        "share": f"{100 * max(used) / limit.amount:.1f} %",
        "the limit is": limit.certainty,
    }


def _amount(amount: float, unit: str) -> str:
    return f"{3600 * amount:.0f} s" if unit == "h" and amount < 1 / 4 else f"{amount:.2f} {unit}"
