"""Stages run in order: skipped where nothing changed, resumed where they were killed, whole or not at all."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pulmo.competition import ALL_SETTINGS, Competition, StageSpec
from pulmo.errors import DivergedError, Fault, UserError
from pulmo.pipeline.disk import writing_to
from pulmo.pipeline.fingerprint import digest_code, digest_output, digest_raw, digest_settings, digest_value, stamp_of
from pulmo.pipeline.log import log
from pulmo.pipeline.manifest import MANIFEST, Manifest, load_manifest
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.settings import Section
from pulmo.pipeline.stage import CHECKPOINTS, Stage, find_output


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
    """The result of a stage: `skipped` when none of its inputs had changed."""

    spec: StageSpec
    manifest: Manifest
    folder: Path
    skipped: bool


def run_stages(run: Run, specs: Sequence[StageSpec]) -> Iterator[StageResult]:
    """Run stages in order, yielding each as it is done.

    Killed at any moment and started again, the stages end with the same outputs.

    Raises:
        UserError: an input is missing, another process works on the same run, or the data are at fault.
    """
    run.paths.work.mkdir(parents=True, exist_ok=True)
    with writing_to(run.paths.work), _only_process(run.paths.work):
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
    section = run.settings if spec.section == ALL_SETTINGS else getattr(run.settings, spec.section)
    inputs = {name: output(run, name) for name in spec.reads}
    entries = {f"data/{name}": digest_raw(run.paths.data / name) for name in spec.data}
    entries |= {name: _digest_input(run, name, path) for name, path in inputs.items()}
    module = run.competition.stage_module(spec.name)
    code = digest_code(run.competition.module_name(spec.name))
    digest = digest_value([spec.name, entries, digest_settings(section), code, run.seed])

    folder, partial = run.paths.stage(spec.name), run.paths.partial(spec.name, digest)
    if load_manifest(partial) is None:
        if _unchanged(folder, digest, spec):
            return StageResult(spec, _manifest(folder), folder, skipped=True)
        _refuse_damaged(run, inputs)
        started = time.monotonic()
        stage = Stage(spec, run.seed, run.paths.data, inputs, partial, run.cluster, run.device)
        (partial / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        try:
            module.run(stage, section)
        except DivergedError as error:
            raise error.within(f"stage {spec.name}") from None
        except UserError:
            for note in stage.notes:  # what was left out before may be the reason
                log(f"note: {note}")
            raise
        made = {name: _made(partial, name) for name in spec.writes}
        Manifest(
            stage=spec.name,
            digest=digest,
            seed=run.seed,
            inputs=entries,
            settings=json.loads(section.model_dump_json()),
            code=code,
            outputs={name: digest_output(path) for name, path in made.items()},
            stamps={name: stamp_of(path) for name, path in made.items()},
            notes=tuple(stage.notes),
            seconds=round(time.monotonic() - started, 2),
            data=str(run.paths.data),
            trained_on=stage.trained_on,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
        ).save(partial)
    _put_in_place(partial, folder)
    return StageResult(spec, _manifest(folder), folder, skipped=False)


def _digest_input(run: Run, name: str, path: Path) -> str:
    """An input's digest: a stage's own outputs have theirs in its manifest, so that models need not be read again."""
    manifest = None if name in run.inputs else load_manifest(path.parent)
    return manifest.outputs[name.partition("/")[2]] if manifest else digest_output(path)


def _refuse_damaged(run: Run, inputs: Mapping[str, Path]) -> None:
    """Before a stage is run alone on outputs that are no longer what their stages left."""
    for name, path in inputs.items():
        manifest = None if name in run.inputs else load_manifest(path.parent)
        stage, _, key = name.partition("/")
        if manifest is not None and not manifest.holds(key, path):
            remedy = f"Make it again: run the stage {stage}, or `pulmo {run.competition.name} run`"
            raise UserError(Fault(str(path), "is damaged: it is not what its stage left", remedy))


def _unchanged(folder: Path, digest: str, spec: StageSpec) -> bool:
    manifest = load_manifest(folder)
    if manifest is None and (folder / MANIFEST).is_file():
        log(f"{folder / MANIFEST}: it is damaged; {spec.name} is made again")
    if manifest is None or manifest.digest != digest:
        return False
    for name in spec.writes:
        path = find_output(folder, name)
        if path is None or not manifest.holds(name, path):
            log(f"{path or folder / name}: it is damaged, missing or changed; {spec.name} is made again")
            return False
    return True


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
    shutil.rmtree(partial / CHECKPOINTS, ignore_errors=True)
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
