"""What a run's finished stages were made with, where that differs from what they would be made with now."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pulmo.competition import ALL_SETTINGS, StageSpec
from pulmo.errors import Fault, UserError
from pulmo.pipeline.fingerprint import digest_raw
from pulmo.pipeline.manifest import Manifest, load_manifest
from pulmo.pipeline.runner import Run

MOST = 12  # changes shown

_DATA = "data/"


def refuse_changes(run: Run, specs: Sequence[StageSpec]) -> None:
    """Refuse to make stages again that were made with other settings, another seed or other data.

    Changed code is no reason: the same settings give a run the same name.

    Raises:
        UserError: naming what changed.
    """
    found = changes(run, specs)
    if found:
        more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
        what = f"was made with {', '.join(found[:MOST])}{more}"
        remedy = "Give the new run a name of its own with --run NAME, or replace this one's results with --replace"
        raise UserError(Fault(str(run.paths.work), what, remedy))


def changes(run: Run, specs: Sequence[StageSpec]) -> list[str]:
    """A few words for each change: the former value and the new one."""
    found: dict[str, None] = {}
    for spec in specs:
        made = load_manifest(run.paths.stage(spec.name))
        if made is not None:
            found |= dict.fromkeys(_settings(run, spec, made))
            found |= dict.fromkeys(_data(run, spec, made))
            if made.seed != run.seed:
                found[f"seed {made.seed} (now {run.seed})"] = None
    return list(found)


def _settings(run: Run, spec: StageSpec, made: Manifest) -> list[str]:
    everything: dict[str, Any] = json.loads(run.settings.model_dump_json())
    if spec.section == ALL_SETTINGS:
        now = {f"{section}.{key}": value for section, own in everything.items() for key, value in own.items()}
        before = {f"{section}.{key}": value for section, own in made.settings.items() for key, value in own.items()}
    else:
        now = {f"{spec.section}.{key}": value for key, value in everything[spec.section].items()}
        before = {f"{spec.section}.{key}": value for key, value in made.settings.items()}
    return [f"{key} = {_text(before, key)} (now {_text(now, key)})" for key in now if before.get(key) != now[key]]


def _text(settings: Mapping[str, Any], key: str) -> str:
    return "not set" if settings.get(key) is None else json.dumps(settings[key])


def _data(run: Run, spec: StageSpec, made: Manifest) -> list[str]:
    """The data folder, where the files in it that the stage reads are not the same; and which."""
    changed = [
        name for name in spec.data if made.inputs.get(_DATA + name, "absent") != digest_raw(run.paths.data / name)
    ]
    if not changed:
        return []
    if str(run.paths.data) != made.data:
        return [f"the data of {made.data} (now {run.paths.data})"]
    files = ", ".join(str(run.paths.data / name) for name in changed)
    return [f"another state of {files}"]
