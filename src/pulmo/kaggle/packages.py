"""Which packages a kernel needs that Kaggle's image lacks.

`kernels/kaggle-image.txt` lists what the image is known to have; what those packages require is there as well.
Whatever else the kernel's code imports, and what that requires, counts as absent. Versions are the ones installed
here, with which the model was made.
"""

import ast
import importlib.metadata
import importlib.util
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pulmo.competition import Competition
from pulmo.kaggle.folders import KERNELS
from pulmo.pipeline.fingerprint import distributions, imported_code, imports, module_of

IMAGE = KERNELS / "kaggle-image.txt"

# Imported by name nowhere, but asked for by these libraries when they read and write tables.
_BEHIND = {"pandas": ("pyarrow",)}
# Imported by code that no kernel reaches: there is no cluster, and Keras runs on TensorFlow.
_NEVER = {"distributed", "jax", "torch"}


class Package(NamedTuple):
    """A package by its name, the version installed here, and the modules it gives."""

    name: str
    version: str
    modules: tuple[str, ...]


def kernel_libraries(competition: Competition, script: str) -> set[str]:
    """Import names of all libraries that a kernel's code imports.

    Args:
        competition: whose stages the kernel runs: those it names.
        script: source of the kernel.
    """
    texts = {node.value for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Constant)}
    stages = [spec.name for spec in competition.stages if spec.name in texts]
    always = ("settings", "submission", "figures")  # what the commands ask a competition for, whatever the stage
    own = [f"pulmo.competitions.{competition.name}.{name}" for name in (*always, *stages)]
    imported = [module_of(name) for name in imports(script) if name.partition(".")[0] == "pulmo"]
    libraries = imported_code([*own, *filter(None, imported)]).libraries - _NEVER
    return libraries.union(*(_BEHIND.get(library, ()) for library in libraries))


def missing_packages(libraries: Iterable[str], python: str, image: Path = IMAGE) -> list[Package]:
    """What must be brought along to import some libraries.

    Args:
        libraries: import names.
        python: Kaggle's version of it: `3.12`.
        image: a list of `name==version`, as pip takes it.

    Returns:
        Packages in the order of their names.
    """
    given = distributions()
    wanted = {canonicalize_name(name) for library in libraries for name in given.get(library, ())}
    there = with_requirements({Requirement(line).name for line in image_lines(image)}, python)
    modules: dict[str, list[str]] = {}
    for module, names in given.items():
        for name in names:
            modules.setdefault(canonicalize_name(name), []).append(module)
    return [
        Package(name, installed_version(name), _importable(modules.get(name, [])))
        for name in sorted(with_requirements(wanted, python) - there)
    ]


def image_lines(image: Path = IMAGE) -> list[str]:
    """The requirements in the list of Kaggle's image."""
    return [line for line in image.read_text().splitlines() if line.strip() and not line.startswith("#")]


def with_requirements(names: Iterable[str], python: str) -> set[str]:
    """Canonical names of some packages and of all they require under that Python, as far as installed here."""
    environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found or not installed_version(name):
            continue
        found.add(name)
        waiting += [
            canonicalize_name(requirement.name)
            for requirement in _requirements(name)
            if requirement.marker is None or requirement.marker.evaluate(environment)
        ]
    return found


# Read once: there are hundreds of lines, and they are asked for once a Python.


@cache
def _requirements(name: str) -> list[Requirement]:
    return [Requirement(text) for text in importlib.metadata.requires(name) or []]


@cache
def installed_version(name: str) -> str:
    """The version of a package that is installed here; empty if it is not."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _importable(modules: Iterable[str]) -> tuple[str, ...]:
    """The modules among a package's top-level names; others are folders of shared libraries and the like."""
    names = (name for name in modules if name.isidentifier() and not name.startswith("_"))
    return tuple(sorted(name for name in names if importlib.util.find_spec(name) is not None))
