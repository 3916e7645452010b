"""Which packages a kernel needs that Kaggle's image lacks.

What is missing has the version installed here, with which the model was made; everything else the image's, under which
the kernel is rehearsed.
"""

import ast
import importlib.util
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from packaging.utils import canonicalize_name

from pulmo.competition import Competition
from pulmo.kaggle.image import Image, installed_version, own_requirements, with_requirements
from pulmo.pipeline.fingerprint import distributions, imported_code, imports, module_of

# Imported by name nowhere, but asked for by these libraries: to read and write tables, and to compute.
_BEHIND = {"pandas": ("pyarrow",), "keras": ("tensorflow",)}
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


def missing_packages(libraries: Iterable[str], image: Image) -> list[Package]:
    """What must be brought along to import some libraries.

    Args:
        libraries: import names.
        image: where they are to be imported.

    Returns:
        Packages in the order of their names.
    """
    modules = _packages_of(distributions())
    return [
        Package(name, installed_version(name), _importable(modules.get(name, ())))
        for name in sorted(with_requirements(_packages_of(libraries), image.python, without=image.versions))
    ]


class Expected(NamedTuple):
    """A package that a kernel imports: the version it is rehearsed with, the least that pulmo takes, its modules."""

    name: str
    version: str
    least: str
    modules: tuple[str, ...]


def expected_packages(libraries: Iterable[str], image: Image) -> list[Expected]:
    """What a kernel that imports some libraries shall find in an image, or bring along, in the order of the names."""
    imported = _packages_of(libraries)
    least: dict[str, str] = {
        canonicalize_name(requirement.name): bound.version
        for requirement in own_requirements()
        for bound in requirement.specifier
        if bound.operator == ">="
    }
    return [
        Expected(name, image.versions.get(name, installed_version(name)), least.get(name, ""), tuple(modules))
        for name, modules in sorted(imported.items())
    ]


def _packages_of(libraries: Iterable[str]) -> dict[str, list[str]]:
    """The packages, by their canonical names, that give some libraries, and which of these each gives."""
    packages: dict[str, list[str]] = defaultdict(list)
    for library in sorted(libraries):
        for name in distributions().get(library, ()):
            packages[canonicalize_name(name)].append(library)
    return packages


def _importable(modules: Iterable[str]) -> tuple[str, ...]:
    """The modules among a package's top-level names; others are folders of shared libraries and the like."""
    names = (name for name in modules if name.isidentifier() and not name.startswith("_"))
    return tuple(sorted(name for name in names if importlib.util.find_spec(name) is not None))
