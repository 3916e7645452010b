"""What a kernel needs to know of the place it runs in: where its inputs are mounted, and what is not installed there.

It runs before anything is installed, so it imports the standard library alone.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pulmo.errors import Fault, UserError

ROOT = Path(os.environ.get("PULMO_KAGGLE_ROOT", "/kaggle"))  # elsewhere only in a rehearsal
INPUT, WORKING = ROOT / "input", ROOT / "working"
SCRATCH = Path(tempfile.gettempdir()) / "pulmo"  # not in `working`, all of which would become the kernel's output
PRESET = os.environ.get("PULMO_PRESET", "full")  # a rehearsal trains with another
INDEX = "index.json"


def competition_folder(slug: str) -> Path:
    """Where Kaggle has put a competition's files.

    Raises:
        UserError: it has not.
    """
    return _mounted(slug, [INPUT / slug, INPUT / "competitions" / slug], "competition_sources")


def dataset_folder(slug: str) -> Path:
    """Where Kaggle has put a dataset, whoever owns it.

    Raises:
        UserError: it has not.
    """
    return _mounted(slug, [INPUT / slug, *INPUT.glob(f"datasets/*/{slug}")], "dataset_sources")


def install_missing(wheels: Path) -> None:
    """Install what cannot be imported here, from a folder of wheels, for this process and its children.

    Raises:
        UserError: there is no wheel for this Python.
    """
    packages = json.loads((wheels / INDEX).read_text())
    missing = [
        f"{package['name']}=={package['version']}"
        for package in packages
        if any(importlib.util.find_spec(module) is None for module in package["modules"])
    ]
    if not missing:
        return
    target = Path(tempfile.mkdtemp(prefix="pulmo-packages-"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--root-user-action=ignore",
    ]
    # Most of these modules are never imported: compiling all of them takes longer than installing them.
    options = ["--no-compile", "--no-index", "--no-deps", "--find-links", str(wheels), "--target", str(target)]
    answer = subprocess.run([*pip, *options, *missing], capture_output=True, text=True, check=False)
    if answer.returncode:
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        what = f"the wheels do not give Python {python} what is missing: {_last_line(answer.stderr)}"
        raise UserError(Fault(str(wheels), what, "Run `kernel build` again"))
    sys.path.insert(0, str(target))
    importlib.invalidate_caches()


def _mounted(slug: str, places: list[Path], source: str) -> Path:
    for place in places:
        if place.is_dir():
            return place
    there = ", ".join(sorted(path.name for path in INPUT.iterdir())) if INPUT.is_dir() else "nothing"
    raise UserError(Fault(str(INPUT), f"has no {slug}, but {there}", f"Name it in {source} of kernel-metadata.json"))


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["pip gave no reason"])[-1].removeprefix("ERROR: ")
