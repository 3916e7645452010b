"""The packages that a kernel needs and Kaggle's image lacks.

Missing packages get the version installed here, with which the model was trained; all others have the image's version,
with which the kernel is rehearsed.
"""

import ast
import importlib.util
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from packaging.utils import canonicalize_name

from pulmo.competition import DEFAULT_PRESET, Competition
from pulmo.kaggle.image import Image, installed_version, own_requirements, with_requirements
from pulmo.pipeline.fingerprint import distributions, imported_code, imports, module_of
from pulmo.pipeline.settings import load_settings
from pulmo.training.pretrained import weights_module

# Never imported by name, but needed by these libraries: to read and write tables, and as Keras' backend.
_BACKENDS = {"pandas": ("pyarrow",), "keras": ("tensorflow",)}
# Imported only by code that no kernel runs: there is no cluster, and Keras runs on TensorFlow.
_UNUSED = {"distributed", "jax", "torch"}
_PRESETS = (DEFAULT_PRESET, "demo")  # of a kernel on Kaggle, and of its rehearsal


class Package(NamedTuple):
    """A package: its name, the version installed here, and the modules it provides."""

    name: str
    version: str
    modules: tuple[str, ...]


def kernel_libraries(competition: Competition, source: str) -> set[str]:
    """Import names of all libraries that a kernel's code imports.

    Args:
        competition: the competition whose stages the kernel runs.
        source: source of the kernel; the stages are those that it names.
    """
    texts = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    stages = [spec.name for spec in competition.stages if spec.name in texts]
    always = ("settings", "submission", "figures")  # modules that the commands import for every stage
    own = [f"pulmo.competitions.{competition.name}.{name}" for name in (*always, *stages)]
    imported = [module_of(name) for name in imports(source) if name.partition(".")[0] == "pulmo"]
    libraries = imported_code([*own, *filter(None, imported)]).libraries - _UNUSED
    return libraries.union(_weights_of(competition, stages), *(_BACKENDS.get(library, ()) for library in libraries))


def _weights_of(competition: Competition, stages: Iterable[str]) -> set[str]:
    """Import names of the packages with the weights that encoders of some stages start from, with the preset of Kaggle
    or of a rehearsal. Nothing imports them by name."""
    modules = set()
    for preset in _PRESETS:
        settings = load_settings(competition.settings, competition.config, preset)
        for section in (getattr(settings, stage, None) for stage in stages):
            keys = ("network", "encoder_weights", "encoder")
            network, source, encoder = (getattr(section, key, None) for key in keys)
            if encoder is not None and (network, source) == ("encoder", "imagenet"):
                modules.add(weights_module(encoder))
    return modules


def missing_packages(libraries: Iterable[str], image: Image) -> list[Package]:
    """The packages that must be added to an image so that some libraries can be imported.

    Args:
        libraries: import names.
        image: the image that they are imported in.

    Returns:
        Packages in the order of their names.
    """
    modules = _packages_of(distributions())
    return [
        Package(name, installed_version(name), _importable(modules.get(name, ())))
        for name in sorted(with_requirements(_packages_of(libraries), image.python, without=image.versions))
    ]


class Expected(NamedTuple):
    """A package that a kernel imports: the rehearsed version, the lowest supported version, and its modules."""

    name: str
    version: str
    least: str
    modules: tuple[str, ...]


def expected_packages(libraries: Iterable[str], image: Image) -> list[Expected]:
    """The packages of some libraries, from an image or from the kernel's wheels, in the order of their names."""
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
    """The packages, by canonical name, that provide some libraries, and which of these each provides."""
    packages: dict[str, list[str]] = defaultdict(list)
    for library in sorted(libraries):
        for name in distributions().get(library, ()):
            packages[canonicalize_name(name)].append(library)
    return packages


def _importable(modules: Iterable[str]) -> tuple[str, ...]:
    """The modules among a package's top-level names; others are folders of shared libraries and the like."""
    names = (name for name in modules if name.isidentifier() and not name.startswith("_"))
    return tuple(sorted(name for name in names if importlib.util.find_spec(name) is not None))
