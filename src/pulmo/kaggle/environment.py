"""An environment with the versions of Kaggle's image and nothing else, kept from one rehearsal to the next.

Where this environment has the same versions for the same Python, as one made from `requirements.txt` has, the packages'
files are linked into the new one: nothing is fetched then, and it takes seconds, not minutes.
"""

import hashlib
import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from pulmo.errors import Fault, UserError
from pulmo.kaggle.packages import IMAGE, image_lines, installed_version, with_requirements
from pulmo.pipeline.linking import link_or_copy
from pulmo.pipeline.telling import tell

FOLDER = Path("work") / "rehearsal"
PREFERRED = "python3.12"


class Interpreter(NamedTuple):
    """A Python: its version, `3.12`, and the folder it is installed in."""

    version: str
    prefix: Path


def find_interpreter(wish: str | None) -> tuple[str, Interpreter]:
    """The interpreter wished for; else Kaggle's, if it is here; else the one that runs this.

    Returns:
        Its command, and what it says of itself.

    Raises:
        UserError: the one wished for does not work.
    """
    for command in [wish] if wish else [PREFERRED, sys.executable]:
        if found := _ask(command):
            return command, found
    raise UserError(Fault(f"--python {wish}", "does not run", "Name an interpreter of Python 3.11 or newer"))


def prepare_environment(command: str, interpreter: Interpreter) -> Path:
    """A virtual environment with the packages of `kernels/kaggle-image.txt`; made once.

    Raises:
        UserError: they cannot be installed.
    """
    digest = hashlib.sha256(f"{interpreter}{IMAGE.read_text()}".encode()).hexdigest()[:12]
    folder = FOLDER / f"python{interpreter.version}-{digest}"
    if (folder / "installed").is_file():
        return folder
    this = Interpreter(f"{sys.version_info[0]}.{sys.version_info[1]}", Path(sys.base_prefix))
    here = interpreter == this and all(_is_here(line) for line in image_lines())
    how = "Linking what is installed here" if here else "Installing them takes some minutes, once"
    tell(f"The versions of Kaggle's image for Python {interpreter.version}: {how} …")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([command, "-m", "venv", str(folder)], check=True)
    if here:
        _link_packages(folder, interpreter)
    else:
        _install_packages(folder)
    (folder / "installed").touch()
    return folder


def _is_here(requirement: str) -> bool:
    name, _, version = requirement.partition("==")
    return installed_version(name) == version


def _link_packages(venv: Path, interpreter: Interpreter) -> None:
    packages = venv / "lib" / f"python{interpreter.version}" / "site-packages"
    for name in with_requirements([line.partition("==")[0] for line in image_lines()], interpreter.version):
        for file in importlib.metadata.files(name) or []:
            source, target = Path(str(file.locate())), packages / file
            if ".." in file.parts or target.exists() or not source.is_file():  # commands, and what is gone
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(source, target)


def _install_packages(venv: Path) -> None:
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    packages = ["--only-binary", ":all:", "--requirement", str(IMAGE)]
    answer = subprocess.run([*pip, *packages], capture_output=True, text=True, check=False)
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        remedy = f"Connect to the internet once, or name a Python that has wheels of them: --python {PREFERRED}"
        raise UserError(Fault(str(IMAGE), f"cannot be installed ({reason})", remedy))


def _ask(command: str) -> Interpreter | None:
    question = "import sys; print('%d.%d' % sys.version_info[:2], sys.base_prefix)"
    try:
        answer = subprocess.run([command, "-c", question], capture_output=True, text=True, check=False)
    except OSError:
        return None
    if answer.returncode:
        return None
    version, prefix = answer.stdout.split(maxsplit=1)
    return Interpreter(version, Path(prefix.strip()))
