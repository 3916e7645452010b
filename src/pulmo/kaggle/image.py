"""The packages of Kaggle's Python images: the current one, and what is known of the next one.

`kaggle-image.txt` beside this module lists the whole current image, `kaggle-image-next.txt` the versions by which the
next one differs. A package in neither list counts as absent.
"""

import importlib.metadata
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pulmo.errors import Fault, UserError

LISTS: Traversable = resources.files("pulmo.kaggle")  # the folder of the lists, or its place in a zip
IMAGE, NEXT_IMAGE = "kaggle-image.txt", "kaggle-image-next.txt"
# No kernel imports Kaggle's client, nor reads an object store, so their versions need not be the image's.
LOCAL_ONLY = frozenset({"fsspec", "kagglesdk"})


class Image(NamedTuple):
    """An image: its Python, `3.12`; the list's date; versions (`2.0.2` or `2.11.*`) by canonical package names."""

    python: str
    date: str
    versions: dict[str, str]


def read_images() -> tuple[Image, Image]:
    """Kaggle's current image and the next one.

    Raises:
        UserError: a list is damaged.
    """
    current, following = _read(IMAGE), _read(NEXT_IMAGE)
    return current, following._replace(versions={**current.versions, **following.versions})


def image_for(python: str) -> Image:
    """The image with that Python.

    Raises:
        UserError: there is none.
    """
    images = read_images()
    for image in images:
        if image.python == python:
            return image
    current, following = images
    what = f"Kaggle's image has Python {current.python}, the next one {following.python}; kernels have wheels for these"
    remedy = f"Choose such an interpreter: --python python{current.python}"
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
        without: canonical names of packages that are left out, with their own requirements.
    """
    environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    found: set[str] = set()
    pending = [canonicalize_name(name) for name in names]
    while pending:
        name = pending.pop()
        if name in found or name in without or not installed_version(name):
            continue
        found.add(name)
        pending += [
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


@cache  # hundreds of lines, which both images need
def _requirements(name: str) -> list[Requirement]:
    return [Requirement(text) for text in importlib.metadata.requires(name) or []]


def _read(name: str) -> Image:
    path = LISTS / name
    text = path.read_text()
    header = dict(re.findall(r"^# (\w+): (.*)$", text, re.MULTILINE))
    if missing := sorted({"python", "date"} - set(header)):
        raise UserError(Fault(str(path), f"has no line `# {missing[0]}: …`", "Add the line"))
    versions: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            package, equal, version = line.strip().partition("==")
            if not equal:
                raise UserError(Fault(f"{path}, line {number}", f"is {line!r}", "Write name==version"))
            versions[canonicalize_name(package)] = version
    return Image(header["python"], header["date"], versions)
