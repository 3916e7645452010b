"""A built kernel run here as Kaggle would run it: once in each way that Kaggle mounts inputs, on a test set of its own.

The test set is cut from training data by the competition: other patients, another number of them, scans missing and
broken. What comes out is validated and scored.
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pulmo.competition import Competition, require
from pulmo.errors import Fault, UserError
from pulmo.kaggle.diagnose import diagnose
from pulmo.kaggle.environment import FOLDER, find_interpreter, prepare_environment
from pulmo.kaggle.folders import METADATA, SCRIPT, built_dataset, built_kernel, kernel_id
from pulmo.kaggle.limits import Limit, limits_of
from pulmo.kaggle.resource_monitor import Allowance, Use, watch
from pulmo.kaggle.sandbox import SandboxConfig, has_namespaces, start
from pulmo.pipeline.log import log
from pulmo.scoring.tables import read_submission, read_table
from pulmo.scoring.validation import validate

SUBMISSION = "submission.csv"


class RehearsalRun(NamedTuple):
    """One run of the kernel: the layout of its inputs, what it used, its score and its notes of what it left out."""

    layout: str
    use: Use
    score: float
    notes: list[str]


class Rehearsal(NamedTuple):
    """All runs, under which Python, whether in namespaces, with which limits, and the script's size."""

    performances: list[RehearsalRun]
    python: str
    alone: bool
    limits: dict[str, Limit]
    hours: str
    script_bytes: int


def rehearse(
    competition: Competition,
    kind: str,
    data: Path,
    python: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Rehearsal:
    """Rehearse a built kernel.

    Args:
        competition: whose.
        kind: `infer` or `train`.
        data: training data, in Kaggle's layout, to cut the hidden test set from; only read.
        python: the interpreter; by default Kaggle's, else this one.
        variables: of the kernel's environment, besides the usual.

    Raises:
        UserError: it would fail on Kaggle; or it cannot be rehearsed.
    """
    metadata = _built(competition, kind)
    command, interpreter = find_interpreter(python)
    venv = prepare_environment(command, interpreter)
    folder = FOLDER / competition.name / kind
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    hidden, solution = folder / "hidden", folder / "solution.csv"
    model = built_dataset(competition, kind) / "model"  # there in the kernel that only predicts
    holdout = require(competition.holdout, competition, "hidden_test.py", "cut a hidden test set")
    holdout.write_hidden_test(data, hidden, solution, model=model if model.is_dir() else None)
    log(f"Hidden test set: {_cases(competition, hidden)} cases cut from {data}, an image missing, another broken")
    alone = has_namespaces()
    log(f"Python {interpreter.version}, {_walls(alone)}")

    limits = limits_of(competition)
    hours = "gpu_hours" if metadata["enable_gpu"] == "true" else "cpu_hours"
    allowance = Allowance(
        limits[hours].amount * 3600, limits["memory_gb"].amount * 1e9, limits["output_gb"].amount * 1e9
    )
    script, dataset = built_kernel(competition, kind) / SCRIPT, built_dataset(competition, kind)
    performances: list[RehearsalRun] = []
    for layout, inputs in _layouts(competition, metadata, hidden, dataset).items():
        log(f"Running it with {layout} …")
        place = folder / f"layout{len(performances) + 1}"
        place.mkdir()
        scene = SandboxConfig(place, script, inputs, venv, interpreter.prefix, variables or {})
        performances.append(_perform(competition, scene, allowance, alone, layout, solution))
    _check_equal(folder, performances)
    return Rehearsal(performances, interpreter.version, alone, limits, hours, script.stat().st_size)


def _built(competition: Competition, kind: str) -> dict[str, str]:
    kernel_id(competition, kind)  # names the remedy where nothing has been built
    metadata: dict[str, str] = json.loads((built_kernel(competition, kind) / METADATA).read_text())
    return metadata


def _layouts(
    competition: Competition, metadata: Mapping[str, str], hidden: Path, dataset: Path
) -> dict[str, dict[str, Path]]:
    """Where Kaggle has been seen to mount a competition and a dataset, below `/kaggle/input`."""
    slug, source = competition.kaggle_slug, metadata["dataset_sources"][0]
    name = source.rpartition("/")[2]
    return {
        f"/kaggle/input/{slug}": {slug: hidden, name: dataset},
        f"/kaggle/input/competitions/{slug}": {f"competitions/{slug}": hidden, f"datasets/{source}": dataset},
    }


def _walls(alone: bool) -> str:
    if alone:
        return "in namespaces of its own: no network, inputs read-only, nothing of this machine but its system"
    return "without namespaces, which this system refuses: sockets refused, but inputs can be written and paths seen"


def _cases(competition: Competition, hidden: Path) -> int:
    sample = read_table(hidden / competition.sample, [competition.row_id])
    return int(competition.submission.patients(sample, hidden).of_row.nunique())


def _perform(
    competition: Competition, scene: SandboxConfig, allowance: Allowance, alone: bool, layout: str, solution: Path
) -> RehearsalRun:
    log = scene.folder / "log.txt"
    use = watch(start(scene, log, alone), allowance, [scene.working, scene.temporary])
    said, where = log.read_text(errors="replace"), f"{layout} ({log})"
    if use.stopped_for or use.exit_code:
        raise UserError(diagnose(where, use, said))
    if use.disk_bytes > allowance.disk_bytes:
        raise UserError(Fault(where, f"it wrote {use.disk_bytes / 1e9:.1f} GB", "Keep less of what it makes"))
    submission = scene.working / SUBMISSION
    if not submission.is_file():
        raise UserError(Fault(where, f"it wrote no {SUBMISSION}", "Write it to /kaggle/working"))
    mount, hidden = next(place for place in scene.inputs.items() if place[0].endswith(competition.kaggle_slug))
    score = _score(competition, submission, hidden / competition.sample, solution)
    return RehearsalRun(layout, use, score, _notes(said, mount))


def _notes(said: str, mount: str) -> list[str]:
    """What it noted, with the names of the competition's files as they are wherever those are mounted."""
    short = re.sub(rf"\S*/input/{re.escape(mount)}/", "", said)
    return [line.partition("note: ")[2] for line in short.splitlines() if line.strip().startswith("note: ")]


def _score(competition: Competition, submission: Path, sample: Path, solution: Path) -> float:
    fmt = competition.submission
    table = read_submission(submission, competition.submission_columns)
    validate(table, read_table(sample, [competition.row_id]), competition.submission_columns, fmt.check_cells)
    return float(fmt.score(fmt.read_solution(solution), table, competition.row_id))


def _check_equal(folder: Path, performances: list[RehearsalRun]) -> None:
    scores = {performance.score for performance in performances}
    if len(scores) > 1:
        what = f"scores {', '.join(map(str, sorted(scores)))} from the same inputs"
        raise UserError(Fault(str(folder), what, "Fix the seed of whatever is drawn at random"))
