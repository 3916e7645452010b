"""A virtual environment with the package versions of Kaggle's image and nothing else, cached between rehearsals.

Packages that the current environment has in the same version for the same Python, as one made from `requirements.txt`
has nearly all, are linked into the new one: that takes seconds instead of minutes, and no space. pip installs the rest.
"""

import errno
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.utils import canonicalize_name

from pulmo.errors import Fault, UserError
from pulmo.kaggle.image import (
    IMAGE,
    LOCAL_ONLY,
    Image,
    image_for,
    installed_version,
    own_requirements,
    with_requirements,
)
from pulmo.pipeline.links import link_or_copy
from pulmo.pipeline.log import log

FOLDER = Path("work") / "rehearsal"
PREFERRED = "python3.12"


class Interpreter(NamedTuple):
    """A Python: its version, `3.12`, and its installation folder."""

    version: str
    prefix: Path


def find_interpreter(command: str | None) -> tuple[str, Interpreter]:
    """The interpreter of a command; without one Kaggle's version, if installed, else the one that runs this.

    Returns:
        Its command, its version and its folder.

    Raises:
        UserError: the command does not work.
    """
    for candidate in [command] if command else [PREFERRED, sys.executable]:
        if found := _interpreter(candidate):
            return candidate, found
    raise UserError(Fault(f"--python {command}", "does not run", "Choose an interpreter of Python 3.11 or newer"))


def prepare_environment(command: str, interpreter: Interpreter) -> Path:
    """A virtual environment with the image's versions of pulmo's requirements, for the image of that Python.

    It is made once. Packages that the image lacks are left out: the kernel's dataset contains their wheels.

    Raises:
        UserError: no image has that Python, its versions cannot be installed, or they require a package it lacks.
    """
    image = image_for(interpreter.version)
    names = sorted(
        name
        for requirement in own_requirements()
        if (name := canonicalize_name(requirement.name)) in image.versions and name not in LOCAL_ONLY
    )
    digest = hashlib.sha256(f"{interpreter}{image}{names}".encode()).hexdigest()[:12]
    folder = FOLDER / f"python{interpreter.version}-{digest}"
    if (folder / "installed").is_file():
        return folder
    this = Interpreter(f"{sys.version_info[0]}.{sys.version_info[1]}", Path(sys.base_prefix))
    required = {*names, *with_requirements(names, interpreter.version)}
    same = {name for name in required if interpreter == this and image.versions.get(name) == installed_version(name)}
    rest = "" if same == required else f"; {len(required - same)} to install, which may take some minutes, once"
    log(f"Environment of Kaggle's image for Python {interpreter.version}: {len(same)} packages are linked{rest} …")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([command, "-m", "venv", str(folder)], check=True)
    _link_packages(same, folder, interpreter)
    if same != required:
        _install_packages(names, image, folder)
    _check_packages(folder, interpreter, image)
    (folder / "installed").touch()
    return folder


def _link_packages(names: Iterable[str], venv: Path, interpreter: Interpreter) -> None:
    packages = _packages_folder(venv, interpreter)
    for name in names:
        for file in importlib.metadata.files(name) or []:
            source, target = Path(str(file.locate())), packages / file
            if ".." in file.parts or target.exists() or not source.is_file():  # commands, and deleted files
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(source, target)


def _install_packages(names: Sequence[str], image: Image, venv: Path) -> None:
    """Those of the packages and of their requirements that are not linked."""
    constraints = venv / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in image.versions.items()))
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    packages = ["--only-binary", ":all:", "--constraint", str(constraints), *names]
    answer = subprocess.run([*pip, *packages], capture_output=True, text=True, check=False)
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        remedy = f"Connect to the internet once, or choose a Python that has wheels of them: --python {PREFERRED}"
        if os.strerror(errno.ENOSPC) in answer.stderr:
            remedy = f"Free 4 GB on the disk of {venv.resolve().parent}, and of the folder for temporary files"
        raise UserError(Fault("Kaggle's image", f"its versions cannot be installed ({reason})", remedy))


def _check_packages(venv: Path, interpreter: Interpreter, image: Image) -> None:
    """Check that the environment has only packages of the image; pip, which every environment has, is one of them."""
    found = importlib.metadata.distributions(path=[str(_packages_folder(venv, interpreter))])
    unlisted = {canonicalize_name(package.name) for package in found} - set(image.versions)
    if unlisted:
        what = f"its packages require {', '.join(sorted(unlisted))}, which its list lacks"
        raise UserError(Fault("Kaggle's image", what, f"Correct {IMAGE}"))


def _packages_folder(venv: Path, interpreter: Interpreter) -> Path:
    return venv / "lib" / f"python{interpreter.version}" / "site-packages"


def _interpreter(command: str) -> Interpreter | None:
    program = "import sys; print('%d.%d' % sys.version_info[:2], sys.base_prefix)"
    try:
        answer = subprocess.run([command, "-c", program], capture_output=True, text=True, check=False)
    except OSError:
        return None
    if answer.returncode:
        return None
    version, prefix = answer.stdout.split(maxsplit=1)
    return Interpreter(version, Path(prefix.strip()))
