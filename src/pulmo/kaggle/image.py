"""What Kaggle's Python images have: the one of today, and what is known of the one that is coming.

`kernels/kaggle-image.txt` lists a whole image, `kaggle-image-next.txt` what the next one has in its place. A package
that is in neither counts as absent.
"""

import importlib.metadata
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pulmo.errors import Fault, UserError
from pulmo.kaggle.folders import KERNELS

IMAGE, NEXT_IMAGE = KERNELS / "kaggle-image.txt", KERNELS / "kaggle-image-next.txt"
HERE_ALONE = frozenset({"kagglesdk"})  # talks to Kaggle from here: no kernel imports it, so its version is our own


class Image(NamedTuple):
    """An image: its Python, `3.12`; when it was listed; versions (`2.0.2` or `2.11.*`) by packages' canonical names."""

    python: str
    date: str
    versions: dict[str, str]


def read_images() -> tuple[Image, Image]:
    """Kaggle's image of today, and the next one.

    Raises:
        UserError: a list is not there, or damaged.
    """
    image, following = _read(IMAGE), _read(NEXT_IMAGE)
    return image, following._replace(versions={**image.versions, **following.versions})


def image_for(python: str) -> Image:
    """The image whose Python that is.

    Raises:
        UserError: none has that Python.
    """
    images = read_images()
    for image in images:
        if image.python == python:
            return image
    today, following = images
    what = f"Kaggle's image has Python {today.python}, the next one {following.python}; wheels are brought for those"
    remedy = f"Name such an interpreter: --python python{today.python}"
    raise UserError(Fault(f"Python {python}", what, remedy))


def own_requirements() -> list[Requirement]:
    """What pulmo requires, without extras: names and ranges."""
    requirements = [Requirement(text) for text in importlib.metadata.requires("pulmo") or []]
    return [requirement for requirement in requirements if "extra" not in str(requirement.marker or "")]


def with_requirements(names: Iterable[str], python: str, without: Iterable[str] = ()) -> set[str]:
    """Canonical names of some packages and of all they require under that Python, as far as installed here.

    Args:
        names: of the packages.
        python: a version of it: `3.12`.
        without: canonical names of packages that are left out, and are not asked what they require.
    """
    environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found or name in without or not installed_version(name):
            continue
        found.add(name)
        waiting += [
            canonicalize_name(requirement.name)
            for requirement in _requirements(name)
            if requirement.marker is None or requirement.marker.evaluate(environment)
        ]
    return found


@cache
def installed_version(name: str) -> str:
    """The version of a package that is installed here; empty if it is not."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


@cache  # there are hundreds of lines, and they are asked for once a Python
def _requirements(name: str) -> list[Requirement]:
    return [Requirement(text) for text in importlib.metadata.requires(name) or []]


def _read(path: Path) -> Image:
    if not path.is_file():
        raise UserError(Fault(str(path), "there is no such file", "Run the command in pulmo's repository"))
    text = path.read_text()
    told = dict(re.findall(r"^# (\w+): (.*)$", text, re.MULTILINE))
    if missing := sorted({"python", "date"} - set(told)):
        raise UserError(Fault(str(path), f"has no line `# {missing[0]}: …`", "Write it, as in the repository"))
    versions: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, equal, version = line.strip().partition("==")
            if not equal:
                raise UserError(Fault(f"{path}, line {number}", f"is {line!r}", "Write name==version"))
            versions[canonicalize_name(name)] = version
    return Image(told["python"], told["date"], versions)
