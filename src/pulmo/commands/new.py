"""A new competition: the template copied into the installed source, with its name, title and address on Kaggle."""

import keyword
import re
import shutil
from collections.abc import Collection
from importlib import import_module, resources
from pathlib import Path

from pulmo.competition import PACKAGE, competition_names
from pulmo.errors import CommandLineError, Fault
from pulmo.pipeline.disk import STARTED, writable_folder

TEMPLATE = "competition_template"
TITLE, SLUG = "Template title", "template-slug"
"""As they stand in the template."""
PAGE = "docs/adding-a-competition.md"
LONGEST_NAME = 24
"""Characters: Kaggle limits the titles of kernels and datasets, which hold the name."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TITLE, _SLUG = re.compile(r'[^"\\\n]+'), re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def make_competition(name: str, title: str | None, slug: str | None, commands: Collection[str]) -> None:
    """Write the folder of a new competition, and print what comes next.

    Args:
        name: of its folder and on the command line.
        title: for people; by default from the name.
        slug: as in its address on Kaggle; by default from the name.
        commands: names that are taken, because they are commands.

    Raises:
        CommandLineError: the name, the title or the slug cannot be used.
        OSError: the folder of competitions is not writable.
    """
    title, slug = title or name.replace("_", " ").capitalize(), slug or name.replace("_", "-")
    _check_name(name, commands)
    _check("--title", title, _TITLE, "Give one line without quotation marks and backslashes")
    _check("--slug", slug, _SLUG, "Copy the last part of the competition's address: kaggle.com/competitions/SLUG")
    folder = competitions_folder() / name
    writable_folder(folder.parent)
    copy_template(folder, title, slug)
    print(folder)
    print(f"Next:  pulmo {name} check   check its code")
    print(f"       pulmo demo {name}    run it on phantom data, in about a minute")
    print(f"       {PAGE}   what each file is for, and how to change it")


def competitions_folder() -> Path:
    """Where competitions are installed."""
    return Path(import_module(PACKAGE).__path__[0])


def copy_template(folder: Path, title: str, slug: str) -> None:
    """Write the competition of the folder's name; the folder is there whole or not at all.

    Raises:
        FileExistsError: it is there.
    """
    started = folder.with_name(f".{folder.name}{STARTED}")  # a dot, so that it is no module
    shutil.rmtree(started, ignore_errors=True)
    with resources.as_file(resources.files(f"pulmo.{TEMPLATE}")) as source:
        shutil.copytree(source, started, ignore=shutil.ignore_patterns("__pycache__"))
    for path in started.rglob("*.py"):
        text = path.read_text("utf-8").replace(f"pulmo.{TEMPLATE}", f"{PACKAGE}.{folder.name}")
        path.write_text(text.replace(TEMPLATE, folder.name).replace(TITLE, title).replace(SLUG, slug), "utf-8")
    started.rename(folder)


def _check_name(name: str, commands: Collection[str]) -> None:
    remedy = f"Choose a lower-case Python identifier of at most {LONGEST_NAME} characters, such as catheters"
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > LONGEST_NAME:
        raise CommandLineError(Fault("NAME", f"{name!r} cannot be the name of a competition", remedy))
    if name in commands:
        raise CommandLineError(Fault("NAME", f"{name!r} is a command of pulmo", "Choose another name"))
    if name in competition_names() or (competitions_folder() / name).exists():
        what = f"there is a competition {name!r} in {competitions_folder()}"
        raise CommandLineError(Fault("NAME", what, "Choose another name, or remove that folder"))


def _check(option: str, value: str, pattern: re.Pattern[str], remedy: str) -> None:
    if not pattern.fullmatch(value):
        raise CommandLineError(Fault(option, f"{value!r} cannot be used", remedy))
