"""A built kernel run here as Kaggle would run it: with each mount layout of the inputs, on a hidden test set.

The competition cuts the hidden test set from training data: other patients, another number of them, scans missing and
broken. The kernel's submission is validated and scored.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pulmo.competition import Competition, require
from pulmo.errors import Fault, UserError
from pulmo.kaggle.diagnose import diagnose
from pulmo.kaggle.environment import FOLDER, find_interpreter, prepare_environment
from pulmo.kaggle.folders import SCRIPT, built_dataset, built_kernel, kernel_id
from pulmo.kaggle.limits import Limit, limits_of, time_limit_name
from pulmo.kaggle.metadata import KernelMetadata, built_metadata
from pulmo.kaggle.resource_monitor import ResourceLimits, ResourceUse, monitor
from pulmo.kaggle.sandbox import SandboxConfig, has_namespaces, start
from pulmo.pipeline.log import log
from pulmo.scoring.tables import read_submission, read_table
from pulmo.scoring.validation import validate

SUBMISSION = "submission.csv"


class RehearsalRun(NamedTuple):
    """One run of the kernel: the mount layout of its inputs, the resources used, its score and the notes in its log."""

    layout: str
    use: ResourceUse
    score: float
    notes: list[str]


class Rehearsal(NamedTuple):
    """All runs, the version of Python, whether namespaces isolated them, and the limits that they were held to.

    `time_limit` names the limit on run time in `limits`; `code_bytes` is the size of the file that is pushed.
    """

    runs: list[RehearsalRun]
    python: str
    isolated: bool
    limits: dict[str, Limit]
    time_limit: str
    code_bytes: int


def rehearse(
    competition: Competition,
    kind: str,
    data: Path,
    python: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Rehearsal:
    """Rehearse a built kernel.

    Args:
        competition: the competition.
        kind: `infer` or `train`.
        data: training data in Kaggle's layout, from which the hidden test set is cut; only read.
        python: the interpreter; by default Kaggle's version, else the one that runs this.
        variables: additional environment variables of the kernel.

    Raises:
        UserError: the kernel would fail on Kaggle, or cannot be rehearsed.
    """
    kernel_id(competition, kind)  # its error names the remedy where nothing has been built
    metadata = built_metadata(competition, kind)
    command, interpreter = find_interpreter(python)
    venv = prepare_environment(command, interpreter)
    folder = FOLDER / competition.name / kind
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    hidden, solution = folder / "hidden", folder / "solution.csv"
    model = built_dataset(competition, kind) / "model"  # only in the kernel that predicts
    holdout = require(competition.holdout, competition, "hidden_test.py", "cut a hidden test set")
    holdout.write_hidden_test(data, hidden, solution, model=model if model.is_dir() else None)
    log(f"Hidden test set: {_cases(competition, hidden)} cases cut from {data}, an image missing, another broken")
    isolated = has_namespaces()
    log(f"Python {interpreter.version}, {_isolation(isolated)}")

    limits = limits_of(competition, kind)
    time_limit = time_limit_name(metadata["machine_shape"])
    allowed = ResourceLimits(
        limits[time_limit].amount * 3600, limits["memory_gb"].amount * 1e9, limits["output_gb"].amount * 1e9
    )
    script, dataset = built_kernel(competition, kind) / SCRIPT, built_dataset(competition, kind)
    runs: list[RehearsalRun] = []
    for layout, inputs in _layouts(competition, metadata, hidden, dataset).items():
        log(f"Running the kernel with {layout} …")
        place = folder / f"layout{len(runs) + 1}"
        place.mkdir()
        config = SandboxConfig(place, script, inputs, venv, interpreter.prefix, variables or {})
        use, output = _run(config, allowed, isolated, layout)
        mount = next(place for place in inputs if place.endswith(competition.kaggle_slug))
        score = _score(competition, config.working / SUBMISSION, hidden / competition.sample, solution)
        runs.append(RehearsalRun(layout, use, score, _notes(output, mount)))
    _check_equal_scores(folder, runs)
    code = script.with_name(metadata["code_file"])  # a notebook's cells are the script
    return Rehearsal(runs, interpreter.version, isolated, limits, time_limit, code.stat().st_size)


def _layouts(
    competition: Competition, metadata: KernelMetadata, hidden: Path, dataset: Path
) -> dict[str, dict[str, Path]]:
    """The places below `/kaggle/input` where Kaggle is known to mount a competition and a dataset."""
    slug, source = competition.kaggle_slug, metadata["dataset_sources"][0]
    name = source.rpartition("/")[2]
    return {
        f"/kaggle/input/{slug}": {slug: hidden, name: dataset},
        f"/kaggle/input/competitions/{slug}": {f"competitions/{slug}": hidden, f"datasets/{source}": dataset},
    }


def _isolation(isolated: bool) -> str:
    if isolated:
        return "in separate namespaces: no network, inputs read-only, only the system's files of this machine"
    return "without namespaces, which this system refuses: no sockets, but inputs are writable and local paths visible"


def _cases(competition: Competition, hidden: Path) -> int:
    sample = read_table(hidden / competition.sample, [competition.row_id])
    return int(competition.submission.patients(sample, hidden).of_row.nunique())


def _run(config: SandboxConfig, allowed: ResourceLimits, isolated: bool, layout: str) -> tuple[ResourceUse, str]:
    """Run the kernel once; the resources it used and its output."""
    log_file = config.folder / "log.txt"
    use = monitor(start(config, log_file, isolated), allowed, [config.working, config.temporary])
    output, where = log_file.read_text(errors="replace"), f"{layout} ({log_file})"
    if use.stopped_for or use.exit_code:
        raise UserError(diagnose(where, use, output))
    if use.disk_bytes > allowed.disk_bytes:
        raise UserError(Fault(where, f"it wrote {use.disk_bytes / 1e9:.1f} GB", "Write fewer or smaller files"))
    if not (config.working / SUBMISSION).is_file():
        raise UserError(Fault(where, f"it wrote no {SUBMISSION}", "Write it to /kaggle/working"))
    return use, output


def _notes(output: str, mount: str) -> list[str]:
    """The notes in the kernel's output, with names of the competition's files that are equal for all layouts."""
    short = re.sub(rf"\S*/input/{re.escape(mount)}/", "", output)
    short = re.sub(rf"\S*/input/{re.escape(mount)}\b", mount.rpartition("/")[2], short)
    return [line.partition("note: ")[2] for line in short.splitlines() if line.strip().startswith("note: ")]


def _score(competition: Competition, submission: Path, sample: Path, solution: Path) -> float:
    fmt = competition.submission
    table = read_submission(submission, competition.submission_columns)
    validate(table, read_table(sample, [competition.row_id]), competition.submission_columns, fmt.check_predictions)
    return float(fmt.score(fmt.read_solution(solution), table, competition.row_id))


def _check_equal_scores(folder: Path, runs: list[RehearsalRun]) -> None:
    scores = {run.score for run in runs}
    if len(scores) > 1:
        what = f"scores {', '.join(map(str, sorted(scores)))} from the same inputs"
        raise UserError(Fault(str(folder), what, "Fix the random seeds"))
