"""`settings.toml`: all settings that a run was made with, beside its `score.json`, usable again by --config."""

import json
import subprocess
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from pulmo import __version__
from pulmo.competition import ALL_SETTINGS
from pulmo.errors import CommandLineError, Fault
from pulmo.pipeline.data_folder import origin_of
from pulmo.pipeline.disk import atomically
from pulmo.pipeline.log import log
from pulmo.pipeline.manifest import load_manifest
from pulmo.pipeline.runner import Run
from pulmo.pipeline.settings import RUN, Section
from pulmo.printable import printable

SETTINGS = "settings.toml"

Sections = Mapping[str, Mapping[str, Any]]
"""Settings by section, as JSON values; None where a setting is not set."""


class RunOrigin(Section):
    """The `[run]` table: all that is not a setting of a stage.

    Attributes:
        competition: its name.
        name: of the run.
        preset: that the settings started from.
        seed: of the run.
        device: as wished for: auto, cpu, gpu, or names such as gpu:0.
        model: folder of the trained model that predicted; empty where the run trained its own.
        data: the folder of Kaggle's files.
        phantom: whether pulmo has drawn the data.
        data_fingerprint: digest of the names and sizes of all files in that folder.
        work: the folder of intermediate results.
        pulmo: version.
        commit: of pulmo's source, with a `+` where it was changed; empty where it is not in a git repository.
    """

    competition: str = ""
    name: str = ""
    preset: str = ""
    seed: int = 0
    device: str = "auto"
    model: str = ""
    data: str = ""
    phantom: bool = False
    data_fingerprint: str = ""
    work: str = ""
    pulmo: str = ""
    commit: str = ""


class RunSettings(NamedTuple):
    """What a `settings.toml` holds."""

    origin: RunOrigin
    sections: Sections


def write_settings(run: Run, name: str, preset: str, model: Path | None = None) -> Path:
    """Write a run's `settings.toml`.

    Args:
        run: the run, some or all of its stages made.
        name: of the run.
        preset: that its settings started from.
        model: the trained model from elsewhere that predicted, if one did.
    """
    data = origin_of(run.paths.data)
    origin = RunOrigin(
        competition=run.competition.name,
        name=name,
        preset=preset,
        seed=run.seed,
        device=run.device,
        model="" if model is None else printable(model),
        data=printable(run.paths.data),
        phantom=data.phantom,
        data_fingerprint=data.fingerprint,
        work=printable(run.paths.work),
        pulmo=__version__,
        commit=commit(),
    )
    path = run.paths.out / SETTINGS
    command = f"pulmo {run.competition.name} run --config {path}"
    tables = {RUN: origin.model_dump(), **made_with(run)}
    text = f"# What run {name!r} was made with. To use it again: `{command}`\n" + "".join(map(_table, tables.items()))
    atomically(path, lambda started: started.write_text(text, encoding="utf-8"))
    return path


def made_with(run: Run) -> Sections:
    """The settings of all sections: those that the stages were made with, else the run's.

    Of a run that predicted with a model from elsewhere, only the stages that it made: the others' are the model's.
    """
    sections: dict[str, Any] = {} if run.inputs else json.loads(run.settings.model_dump_json())
    for spec in (*run.competition.stages, run.competition.cv):
        made = load_manifest(run.paths.stage(spec.name))
        if made is not None and spec.section != ALL_SETTINGS:
            sections[spec.section] = made.settings
        elif made is not None and spec.name in made.settings:
            sections[spec.name] = made.settings[spec.name]
    return sections


def read_settings(folder: Path) -> RunSettings | None:
    """The `settings.toml` in a run's folder of submissions; None where it is missing or damaged."""
    path = folder / SETTINGS
    if not path.is_file():
        return None
    try:
        return parse_settings(path)
    except CommandLineError as error:
        log(f"{error} It is ignored")
        return None


def parse_settings(path: Path) -> RunSettings:
    """Read a `settings.toml`, or settings written by hand in its form.

    Raises:
        CommandLineError: it is not there, is no TOML, or its `[run]` table is wrong.
    """
    if not path.is_file():
        raise CommandLineError(Fault(str(path), "there is no such file", f"Name the {SETTINGS} of a run"))
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return RunSettings(RunOrigin.model_validate(tables.pop(RUN, {})), tables)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        what = error.errors()[0]["msg"].lower()
        raise CommandLineError(Fault(f"{path}, [{RUN}] {where}", what, "Correct or remove it")) from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise CommandLineError(Fault(str(path), f"is not TOML ({error})", "Correct it")) from None


def flat(sections: Sections) -> dict[str, Any]:
    """Settings by `section.key`, without those that are not set."""
    return {
        f"{section}.{key}": value
        for section, values in sections.items()
        for key, value in values.items()
        if value is not None
    }


@cache
def commit() -> str:
    """The commit of pulmo's source; see `RunOrigin`."""
    package = Path(__file__).parents[1]
    if not _git(package, "ls-files", "__init__.py"):  # a wheel inside somebody's own repository is not its commit
        return ""
    return _git(package, "rev-parse", "--short=12", "HEAD") + (
        "+" if _git(package, "status", "--porcelain", ".") else ""
    )


def _git(folder: Path, *words: str) -> str:
    try:
        answer = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
    except OSError:  # no git here, or pulmo is imported from a zip
        return ""
    return answer.stdout.strip()


def _table(item: tuple[str, Mapping[str, Any]]) -> str:
    name, values = item
    # A JSON text, number, truth value or list of these is also TOML's.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items() if value is not None]
    return "\n".join(["", f"[{name}]", *lines, ""])
