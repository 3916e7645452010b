"""Digests of a stage's inputs: files, folders, settings and code. A stage with an equal digest is not run again."""

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from pulmo.errors import Fault, UserError
from pulmo.files import folders_below, state_of


def digest_value(value: Any) -> str:
    """SHA-256 of a JSON-able value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_output(path: Path) -> str:
    """SHA-256 of an output: a file's bytes, or a folder's files by relative path and bytes."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return digest_value([(file.relative_to(path).as_posix(), digest_file(file)) for file in files])
    return digest_file(path)


def stamp_of(path: Path) -> str:
    """Sizes and times of an output's files: while these are the same, its bytes need not be read again."""
    if path.is_dir():
        return digest_value(sorted(_listing(path)))
    return digest_value([path.stat().st_size, path.stat().st_mtime_ns])


def digest_raw(path: Path) -> str:
    """Digest of one of Kaggle's files (its bytes) or folders of scans (names, sizes and times of all files in it;
    in a store, ETags for times).

    Scans are too many to read each time: 33,000 slices are 17 GB, but their listing takes a third of a second.
    """
    if not path.exists():
        return "absent"
    return digest_value(sorted(_listing(path))) if path.is_dir() else digest_file(path)


def _listing(folder: Path) -> list[tuple[str, int, int | str]]:
    """Every file and folder below, links followed."""
    listed: list[tuple[str, int, int | str]] = []
    for place, names in folders_below(folder):
        prefix = "" if place == folder else place.relative_to(folder).as_posix() + "/"
        listed.append((prefix, 0, 0))
        listed += [(prefix + name, *state_of(place / name)) for name in names]
    return listed


def digest_settings(section: BaseModel) -> str:
    """Digest of settings; a file that a setting names counts by its bytes, not by where it lies.

    Raises:
        UserError: a setting names a file that is not there.
    """
    return digest_value(_plain(section))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Path):
        if not value.is_file():
            raise UserError(Fault(str(value), "a setting names this file, and it is not there", "Correct the path"))
        return digest_file(value)
    return list(value) if isinstance(value, tuple) else value


@cache
def digest_code(module: str) -> str:
    """Digest of a module, of the pulmo modules it imports (and those they import), and of the libraries' versions."""
    code = imported_code([module])
    return digest_value([code.sources, _versions(code.libraries)])


class Code(NamedTuple):
    """What runs when some modules run: digests of pulmo's sources by module, and the libraries' import names."""

    sources: dict[str, str]
    libraries: set[str]


def imported_code(modules: Iterable[str]) -> Code:
    """Modules, the pulmo modules they import anywhere in them (and those they import), and the libraries of all."""
    sources: dict[str, str] = {}
    libraries: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        source = _source(name)
        sources[name] = hashlib.sha256(source.encode()).hexdigest()
        for imported in imports(source):
            if imported.partition(".")[0] != "pulmo":
                libraries.add(imported.partition(".")[0])
            elif found := module_of(imported):
                waiting.append(found)
    return Code(sources, libraries - set(sys.stdlib_module_names))


@cache  # the stages of a run share most of their modules
def imports(source: str) -> frozenset[str]:
    """All names a source imports, anywhere in it but for type checkers; `from a import b` gives `a.b`, since b may be a
    module."""
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse  # what is imported for types alone never runs
        else:
            waiting += ast.iter_child_nodes(node)
    return frozenset(names)


def module_of(name: str) -> str | None:
    """The module that `name` is, or is a member of; searched from the top down, so that none is imported for it."""
    found, parts = None, name.split(".")
    for length in range(1, len(parts) + 1):
        candidate = ".".join(parts[:length])
        spec = importlib.util.find_spec(candidate)
        if spec is None:
            break
        found = candidate
        if spec.submodule_search_locations is None:
            break
    return found


def _source(module: str) -> str:
    # Through the loader, because a Kaggle kernel imports the package from a zip.
    spec = importlib.util.find_spec(module)
    loader = spec.loader if spec else None
    source = loader.get_source(module) if loader and hasattr(loader, "get_source") else None
    return source or ""


@cache
def distributions() -> dict[str, list[str]]:
    """Names of the packages that give each top-level module here."""
    return dict(importlib.metadata.packages_distributions())


def _versions(libraries: set[str]) -> dict[str, str]:
    names = {name for library in libraries for name in distributions().get(library, [])}
    return {name: importlib.metadata.version(name) for name in sorted(names)}
