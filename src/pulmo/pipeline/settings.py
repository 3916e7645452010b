"""Settings: numbers and choices from a competition's `config.toml`, a preset and `--set`, in one frozen typed object.

`config.toml` holds a table per stage, which are the defaults, and `[presets.<name>.<stage>]` tables that replace some
of them; `extends = "<preset>"` in a preset names another on which it builds. A run's `settings.toml` has the same
tables and no preset; its `[run]` table is about the run, see `run_settings`. A key that is unknown or of the wrong type
is an error naming the key, and the nearest one that exists.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from pulmo.competition import DEFAULT_PRESET
from pulmo.errors import CommandLineError, Fault
from pulmo.files import expanded

EXTENDS, PRESETS = "extends", "presets"
RUN = "run"


class Section(BaseModel):
    """A frozen group of settings, of a stage or of all, that refuses unknown keys, wrong types, NaN and infinity.

    Incompatible settings raise a `UserError` in a `model_validator`, before anything runs. In paths, `~` is the home
    folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @field_validator("*")  # validators of the sections themselves come after it
    @classmethod
    def _in_home(cls, value: object) -> object:
        return expanded(value) if isinstance(value, Path) else value


SettingsType = TypeVar("SettingsType", bound=Section)


def load_settings(
    model: type[SettingsType], config: str, preset: str = DEFAULT_PRESET, overrides: Sequence[str] = ()
) -> SettingsType:
    """Read the settings of a run.

    Args:
        model: the competition's `Settings`.
        config: text of its `config.toml`, or of a run's `settings.toml`.
        preset: name of a `[presets.…]` block; `full` is the defaults when no block has that name.
        overrides: `section.key=value` as given to `--set`; values are TOML, or plain text where they are not.

    Raises:
        CommandLineError: unknown preset, key or type, each named with what is valid.
    """
    values = tomllib.loads(config)
    values.pop(RUN, None)
    presets = values.pop(PRESETS, {})
    if preset not in {*presets, DEFAULT_PRESET}:
        known = ", ".join(sorted({*presets, DEFAULT_PRESET}))
        close = difflib.get_close_matches(preset, [*presets, DEFAULT_PRESET], n=1)
        instead = f"Did you mean {close[0]}? There are" if close else "Choose from"
        raise CommandLineError(Fault("--preset", f"{preset!r} is not a preset", f"{instead} {known}"))
    values = _merge(values, _preset_values(presets, preset))
    for override in overrides:
        values = _merge(values, _parse_override(override))
    try:
        # Through JSON, because strict mode reads TOML's lists and paths only from there.
        return model.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        raise CommandLineError(_fault(model, problem) for problem in error.errors()) from None


def _preset_values(presets: Mapping[str, Any], name: str) -> dict[str, Any]:
    values = dict(presets.get(name, {}))
    base = values.pop(EXTENDS, None)
    return _merge(_preset_values(presets, base), values) if base else values


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _parse_override(override: str) -> dict[str, Any]:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise CommandLineError(
            Fault(f"--set {override}", "is not of the form section.key=value", "Write e.g. --set features.folds=5")
        )
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    for name in reversed(key.strip().split(".")):
        value = {name: value}
    return dict(value)


def _fault(model: type[Section], problem: Any) -> Fault:
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        if isinstance(problem["input"], dict):  # a whole section: its first key helps to find the nearest one
            key = ".".join([key, *list(problem["input"])[:1]])
        return Fault(f"setting {key}", "there is no such setting", _nearest(model, key))
    if problem["type"] == "missing":
        return Fault(f"setting {key}", "has no value", "Give it one in the file of settings or with --set")
    return _wrong_value(key, problem)


def _wrong_value(key: str, problem: Any) -> Fault:
    kind, given, limits = problem["type"], problem["input"], problem.get("ctx", {})
    where = f"setting {key}"
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", limits["expected"])
        close = difflib.get_close_matches(str(given), known, n=1)
        remedy = f"Did you mean {close[0]}?" if close else f"Choose from {', '.join(known)}"
        return Fault(where, f"must be {limits['expected']} (got {given!r})", remedy)
    if kind == "model_type":
        return Fault(where, f"is a section, not a setting (got {given!r})", f"Name one of its keys: {key}.key=value")
    for named, words in _LIMITS.items():
        if named in limits and not isinstance(given, str):
            return Fault(where, f"must be {words} {limits[named]:g} (got {given!r})", "Correct its value")
    expected = next((words for start, words in _KINDS.items() if kind.startswith(start)), None)
    what = f"must be {expected}" if expected else problem["msg"].lower()
    return Fault(where, f"{what} (got {given!r})", "Correct its value")


_LIMITS = {"ge": "at least", "gt": "greater than", "le": "at most", "lt": "less than"}
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text in quotation marks",
    "tuple": "a list in brackets, such as [1, 2]",
    "list": "a list in brackets, such as [1, 2]",
}
"""The start of pydantic's error types → the expected type in words."""


def _nearest(model: type[Section], key: str) -> str:
    names = list(_all_keys(model))
    by_ending = {name.rpartition(".")[2]: name for name in names}
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    close = close or [by_ending[end] for end in difflib.get_close_matches(key.rpartition(".")[2], by_ending, n=1)]
    return f"Did you mean {close[0]}?" if close else f"Choose from {', '.join(names)}"


def _all_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += _all_keys(kind, f"{prefix}{name}.")
        else:
            keys.append(f"{prefix}{name}")
    return keys
