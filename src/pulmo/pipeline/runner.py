"""Stages run in order: skipped where nothing changed, gone on with where they were killed, whole or not at all."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pulmo.competition import Competition, StageSpec
from pulmo.errors import DivergedError, Fault, UserError
from pulmo.pipeline.fingerprint import digest_code, digest_output, digest_raw, digest_settings, digest_value
from pulmo.pipeline.manifest import Manifest, load_manifest
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.settings import Section
from pulmo.pipeline.stage import PIECES, Stage, find_output
from pulmo.pipeline.telling import tell


@dataclass(frozen=True)
class Run:
    """One run of a competition: where, with which settings, on what.

    `inputs` puts another path in the place of a stage's input, such as a trained model from anywhere.
    """

    competition: Competition
    paths: RunPaths
    settings: Section
    seed: int = 0
    cluster: str | None = None
    inputs: Mapping[str, Path] = field(default_factory=dict)
    device: str = "auto"


@dataclass(frozen=True)
class StageResult:
    """What became of a stage: `skipped` when nothing that goes into it had changed."""

    spec: StageSpec
    manifest: Manifest
    folder: Path
    skipped: bool


def run_stages(run: Run, specs: Sequence[StageSpec]) -> Iterator[StageResult]:
    """Run stages in order, yielding each as it is done.

    Killed at any moment and started again, it ends with the same outputs.

    Raises:
        UserError: an input is missing, another process works on the same run, or the data are at fault.
    """
    run.paths.work.mkdir(parents=True, exist_ok=True)
    with _only_process(run.paths.work):
        for spec in specs:
            yield _run_stage(run, spec)


def output(run: Run, name: str) -> Path:
    """Where an output, named `stage/output`, lies.

    Raises:
        UserError: its stage has not been run.
    """
    stage, _, key = name.partition("/")
    path = run.inputs.get(name) or find_output(run.paths.stage(stage), key)
    if path is None:
        command = f"pulmo {run.competition.name} {stage} --data {run.paths.data} --work {run.paths.work}"
        raise UserError(Fault(str(run.paths.stage(stage)), f"{name} has not been made", f"Run `{command}` first"))
    return path


def _run_stage(run: Run, spec: StageSpec) -> StageResult:
    section = getattr(run.settings, spec.section) if spec.section else run.settings
    inputs = {name: output(run, name) for name in spec.reads}
    entries = {f"data/{name}": digest_raw(run.paths.data / name) for name in spec.data}
    entries |= {name: _digest_input(run, name, path) for name, path in inputs.items()}
    module = run.competition.module(spec.name)
    code = digest_code(module.__name__)
    digest = digest_value([spec.name, entries, digest_settings(section), code, run.seed])

    folder, partial = run.paths.stage(spec.name), run.paths.partial(spec.name, digest)
    if load_manifest(partial) is None:
        if _unchanged(folder, digest, spec):
            return StageResult(spec, _manifest(folder), folder, skipped=True)
        started = time.monotonic()
        stage = Stage(spec, run.seed, run.paths.data, inputs, partial, run.cluster, run.device)
        (partial / PIECES).mkdir(parents=True, exist_ok=True)
        try:
            module.run(stage, section)
        except DivergedError as error:
            raise error.within(f"stage {spec.name}") from None
        except UserError:
            for note in stage.notes:  # what was left out before may be the reason
                tell(f"note: {note}")
            raise
        made = {name: digest_output(_made(partial, name)) for name in spec.writes}
        Manifest(
            stage=spec.name,
            digest=digest,
            seed=run.seed,
            inputs=entries,
            settings=json.loads(section.model_dump_json()),
            code=code,
            outputs=made,
            notes=tuple(stage.notes),
            seconds=round(time.monotonic() - started, 2),
        ).save(partial)
    _put_in_place(partial, folder)
    return StageResult(spec, _manifest(folder), folder, skipped=False)


def _digest_input(run: Run, name: str, path: Path) -> str:
    """An input's digest: a stage's own outputs have theirs in its manifest, so that models need not be read again."""
    manifest = None if name in run.inputs else load_manifest(path.parent)
    return manifest.outputs[name.partition("/")[2]] if manifest else digest_output(path)


def _unchanged(folder: Path, digest: str, spec: StageSpec) -> bool:
    manifest = load_manifest(folder)
    return bool(manifest and manifest.digest == digest and all(find_output(folder, name) for name in spec.writes))


def _manifest(folder: Path) -> Manifest:
    manifest = load_manifest(folder)
    if manifest is None:
        raise LookupError(f"{folder} has no manifest")
    return manifest


def _made(folder: Path, name: str) -> Path:
    path = find_output(folder, name)
    if path is None:
        raise LookupError(f"the stage declares that it writes {name!r}, but did not")
    return path


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename the finished folder to its place; killed in between, the next run finds its manifest and goes on."""
    shutil.rmtree(partial / PIECES, ignore_errors=True)
    if folder.exists():
        # Renamed before it is deleted: a folder deleted by half must not pass for a whole one.
        folder.rename(folder.with_name(f"{folder.name}.{time.time_ns()}.partial"))
    partial.rename(folder)
    for stale in folder.parent.glob(f"{folder.name}.*.partial"):
        shutil.rmtree(stale, ignore_errors=True)


@contextmanager
def _only_process(work: Path) -> Iterator[None]:
    """Hold the run's folder; the system lets go of the lock when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows has no such lock: there, two runs at once are the user's own care
        yield
        return
    with (work / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                Fault(str(work), "another pulmo process is working on this run", "Wait for it, or choose another --run")
            ) from None
        yield
