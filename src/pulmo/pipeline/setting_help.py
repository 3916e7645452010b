"""What each setting of a competition means: value, unit, range, meaning, and the presets that change it.

The meaning is that of the field's own description, else of its entry under `Attributes:` in the docstring of the
`Section` that declares it; there a unit may follow the name, as in `rotation (degrees): at most, either way.`
"""

import inspect
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from pulmo.competition import DEFAULT_PRESET, Competition
from pulmo.pipeline.settings import Section, load_settings

_ENTRY = re.compile(r"^    (?P<names>[a-z][\w, ]*?)(?: \((?P<unit>[^)]+)\))?: (?P<text>.+)$")
_LIMITS = {"ge": "≥ {:g}", "gt": "> {:g}", "le": "≤ {:g}", "lt": "< {:g}"}
_KINDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}


class SettingHelp(NamedTuple):
    """One setting.

    Attributes:
        section: its table in TOML.
        key: in that table; --set takes `section.key`.
        value: in the preset asked for, as TOML; empty where it is not set.
        unit: empty where it has none.
        range: what it may be, in words.
        meaning: a phrase.
        presets: the value in each preset that changes it, as TOML.
    """

    section: str
    key: str
    value: str
    unit: str
    range: str
    meaning: str
    presets: Mapping[str, str]


def describe_settings(
    competition: Competition, preset: str = DEFAULT_PRESET, overrides: Sequence[str] = (), config: str | None = None
) -> list[SettingHelp]:
    """Every setting of a competition, in order.

    Args:
        competition: the competition.
        preset: whose values are given.
        overrides: as given to --set.
        config: text of a file of settings in the place of `config.toml`, for the values.

    Raises:
        CommandLineError: the preset or a setting is wrong.
    """
    model, text = competition.settings, competition.config
    asked = load_settings(model, text if config is None else config, preset, overrides)
    usual = load_settings(model, text)
    others = {name: load_settings(model, text, name) for name in competition.presets}
    rows = []
    for section, part in model.model_fields.items():
        kind = part.annotation
        assert isinstance(kind, type)
        assert issubclass(kind, Section)
        meanings = _meanings(kind)
        for key, field in kind.model_fields.items():
            unit, meaning = meanings.get(key, ("", ""))
            ours, default = getattr(getattr(asked, section), key), getattr(getattr(usual, section), key)
            values = {name: getattr(getattr(other, section), key) for name, other in others.items()}
            changed = {name: toml(value) for name, value in values.items() if value != default}
            words = _range(field), field.description or meaning
            rows.append(SettingHelp(section, key, toml(ours), unit, *words, changed))
    return rows


def toml(value: Any) -> str:
    """A setting's value as TOML, and --set, have it; empty for None."""
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _meanings(model: type[Section]) -> dict[str, tuple[str, str]]:
    """Unit and meaning of each key of a section, from its docstring and those of the sections that it extends."""
    found: dict[str, tuple[str, str]] = {}
    for kind in reversed(model.__mro__):
        if issubclass(kind, Section) and kind.__doc__:
            found |= _entries(inspect.cleandoc(kind.__doc__))
    return found


def _entries(docstring: str) -> dict[str, tuple[str, str]]:
    """The entries under `Attributes:` in Google's style; an entry goes on in lines that are indented further."""
    found: dict[str, tuple[str, str]] = {}
    names: list[str] = []
    for line in docstring.partition("Attributes:\n")[2].splitlines():
        entry = _ENTRY.match(line)
        if entry:
            names = [name.strip() for name in entry["names"].split(",")]
            found |= dict.fromkeys(names, (entry["unit"] or "", entry["text"].strip()))
        elif line.startswith("     ") and names:
            unit, text = found[names[0]]
            found |= dict.fromkeys(names, (unit, f"{text} {line.strip()}"))
    return {name: (unit, text.removesuffix(".")) for name, (unit, text) in found.items()}


def _range(field: FieldInfo) -> str:
    return ", ".join(filter(None, [_kind(field.annotation), *_limits(field.metadata)]))


def _kind(annotation: Any) -> str:
    """A type in words: choices, numbers, lists of them."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(map(toml, arguments))
    if origin is typing.Annotated:
        return ", ".join([_kind(arguments[0]), *(limit for part in arguments[1:] for limit in _limits([part]))])
    if origin in (typing.Union, types.UnionType):
        return ", ".join(_kind(part) for part in arguments if part is not type(None)) + ", or not set"
    if origin is tuple:
        count = "" if Ellipsis in arguments else f"{len(arguments)} × "
        return f"list of {count}{_kind(arguments[0])}"
    return _KINDS.get(annotation, "file")


def _limits(metadata: Sequence[Any]) -> Iterator[str]:
    for part in metadata:
        for constraint in getattr(part, "metadata", [part]):  # pydantic wraps those of an Annotated in a FieldInfo
            for name, words in _LIMITS.items():
                if hasattr(constraint, name):
                    yield words.format(getattr(constraint, name))
            if getattr(constraint, "min_length", None):
                yield f"at least {constraint.min_length}"
