"""A kernel's start on Kaggle: its mounted inputs found, missing packages installed, versions checked.

It runs before anything is installed, so it imports only the standard library.
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pulmo.errors import Fault, UserError
from pulmo.pipeline.log import log

ROOT = Path(os.environ.get("PULMO_KAGGLE_ROOT", "/kaggle"))  # another folder in a rehearsal without namespaces
INPUT, WORKING = ROOT / "input", ROOT / "working"
SCRATCH = Path(tempfile.gettempdir()) / "pulmo"  # not in `working`, which all becomes the kernel's output
PRESET = os.environ.get("PULMO_PRESET", "full")  # a rehearsal trains with `demo`
INDEX, VERSIONS = "index.json", "versions.json"
COMPANIONS = "data"
"""The folder of the dataset with the user's own files, which belong beside Kaggle's."""


def competition_folder(slug: str) -> Path:
    """The folder where Kaggle has mounted a competition's files.

    Raises:
        UserError: it is not mounted.
    """
    return _mounted(slug, [INPUT / slug, INPUT / "competitions" / slug], "competition_sources")


def dataset_folder(slug: str) -> Path:
    """The folder where Kaggle has mounted a dataset of any owner.

    Raises:
        UserError: it is not mounted.
    """
    return _mounted(slug, [INPUT / slug, *INPUT.glob(f"datasets/*/{slug}")], "dataset_sources")


def with_companions(data: Path, bundle: Path) -> Path:
    """A competition's folder with the user's own files beside Kaggle's.

    Args:
        data: the competition's mounted folder, which is read-only.
        bundle: the kernel's mounted dataset.

    Returns:
        `data` itself where the dataset has no such files; else a scratch folder of links to both. A file that is in
        `data` counts.
    """
    companions = bundle / COMPANIONS
    if not companions.is_dir():
        return data
    joined = SCRATCH / "data"
    shutil.rmtree(joined, ignore_errors=True)
    joined.mkdir(parents=True)
    for path in (*data.iterdir(), *companions.iterdir()):
        if not (joined / path.name).exists():
            (joined / path.name).symlink_to(path)
    return joined


def install_missing(wheels: Path) -> None:
    """Install packages that cannot be imported, from a folder of wheels, for this process and its children.

    Raises:
        UserError: there is no wheel for this Python.
    """
    packages = _read(wheels / INDEX)
    missing = [f"{package['name']}=={package['version']}" for package in packages if not _is_here(package)]
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
        what = f"a missing package has no wheel for Python {python}: {_last_line(answer.stderr)}"
        raise UserError(Fault(str(wheels), what, "Run `kernel build` again"))
    sys.path.insert(0, str(target))
    importlib.invalidate_caches()


def check_versions(wheels: Path) -> None:
    """Log the installed versions, with a note for each that differs from the rehearsed one.

    Raises:
        UserError: a package is missing, or older than pulmo supports.
    """
    rehearsed = _read(wheels / VERSIONS)
    found = {package["name"]: _version(package["name"]) for package in rehearsed["packages"]}
    here = ", ".join(f"{name} {version or '?'}" for name, version in found.items())
    log(f"Python {platform.python_version()}, {here}")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if python != rehearsed["python"]:
        log(f"  note: Python is {python} here; the kernel was built for {rehearsed['python']}")
    faults = []
    for package in rehearsed["packages"]:
        name, version, least = package["name"], found[package["name"]], package["least"]
        if not _is_here(package):
            faults.append(Fault(name, "is neither installed nor among the wheels", "Run `kernel build` again"))
        elif version and _numbers(version) < _numbers(least):
            what = f"is {version} here, and pulmo needs {least} or newer"
            remedy = 'Take the newest image: "docker_image_pinning_type": "latest" in kernel-metadata.json'
            faults.append(Fault(name, what, remedy))
        elif version != package["version"]:
            log(f"  note: {name} is {version or 'of unknown version'} here; rehearsed with {package['version']}")
    if faults:
        raise UserError(faults)


def _is_here(package: dict[str, Any]) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in package["modules"])


def _version(name: str) -> str:
    """The version of a package; empty if another package provides its modules."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    """A version's numbers for comparison, without trailing zeros: 2.10.0 → (2, 10)."""
    numbers = [int(number) for number in re.findall(r"\d+", version.partition("+")[0])]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _read(path: Path) -> Any:
    if not path.is_file():
        remedy = "The dataset does not belong to this kernel: build and push both"
        raise UserError(Fault(str(path), "there is no such file", remedy))
    return json.loads(path.read_text())


def _mounted(slug: str, places: list[Path], source: str) -> Path:
    for place in places:
        if place.is_dir():
            return place
    mounted = ", ".join(sorted(path.name for path in INPUT.iterdir())) if INPUT.is_dir() else ""
    what = f"{slug} is not mounted (mounted: {mounted or 'nothing'})"
    raise UserError(Fault(str(INPUT), what, f"Add it to {source} in kernel-metadata.json"))


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["pip gave no reason"])[-1].removeprefix("ERROR: ")
