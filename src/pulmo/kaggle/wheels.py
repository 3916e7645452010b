"""Wheels for Kaggle's Pythons, downloaded once by pip and cached; and their licences."""

import csv
import email
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from pulmo.errors import Fault, UserError
from pulmo.kaggle.packages import Package
from pulmo.kaggle.runtime import INDEX
from pulmo.pipeline.log import log

CACHE = Path("work") / "wheels"
LICENCES = "licences.csv"
# Kaggle's machines: x86-64, glibc 2.35.
_PLATFORMS = [*(f"manylinux_2_{minor}_x86_64" for minor in range(35, 4, -1)), "manylinux2014_x86_64", "linux_x86_64"]


def collect_wheels(needed: Mapping[str, Sequence[Package]], folder: Path) -> list[tuple[str, str, str]]:
    """Collect the wheels of packages in a folder, with an index for the kernel and a list of licences.

    Args:
        needed: packages by the version of Python that needs them.
        folder: the folder; replaced.

    Returns:
        Name, version and licence of each package.

    Raises:
        UserError: a wheel cannot be downloaded.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for python, packages in needed.items():
        for wheel in _wheels(python, packages):
            shutil.copy2(wheel, folder)
    packages = sorted({package for some in needed.values() for package in some})
    index = [package._asdict() for package in packages]
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")
    licences = [(package.name, package.version, _licence(folder, package)) for package in packages]
    with (folder / LICENCES).open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("package", "version", "licence"), *licences])
    return licences


def _wheels(python: str, packages: Sequence[Package]) -> list[Path]:
    cache = CACHE / python
    cache.mkdir(parents=True, exist_ok=True)
    absent = [package for package in packages if _find(cache, package, python) is None]
    if absent:
        log(f"Downloading {len(absent)} wheels for Python {python} …")
        _download(python, absent, cache)
    found = [_find(cache, package, python) for package in packages]
    return [wheel for wheel in found if wheel is not None]


def _find(cache: Path, package: Package, python: str) -> Path | None:
    """The wheel of a package in a folder, if it is for that Python on Kaggle's machines."""
    for path in sorted(cache.glob("*.whl")):
        try:
            name, found, _, tags = parse_wheel_filename(path.name)
        except InvalidWheelFilename:
            continue
        if name == canonicalize_name(package.name) and str(found) == package.version and tags & _fitting(python):
            return path
    return None


@cache
def _fitting(python: str) -> frozenset[Tag]:
    """The tags of wheels that fit a version of Python."""
    version = (int(python.partition(".")[0]), int(python.partition(".")[2]))
    abi = f"cp{version[0]}{version[1]}"
    own = cpython_tags(version, abis=[abi, "abi3", "none"], platforms=_PLATFORMS)
    return frozenset([*own, *compatible_tags(version, abi, [*_PLATFORMS, "any"])])


def _download(python: str, packages: Collection[Package], cache: Path) -> None:
    target = ["--python-version", python, "--implementation", "cp", "--only-binary", ":all:", "--no-deps"]
    platforms = [word for platform in _PLATFORMS for word in ("--platform", platform)]
    names = [f"{package.name}=={package.version}" for package in packages]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--dest", str(cache)]
    answer = subprocess.run([*command, *target, *platforms, *names], capture_output=True, text=True, check=False)
    absent = [package.name for package in packages if _find(cache, package, python) is None]
    if absent:
        reason = ([line for line in answer.stderr.splitlines() if "ERROR" in line] or ["pip gave no reason"])[-1]
        what = f"no wheel could be downloaded for Python {python} ({reason.removeprefix('ERROR: ')})"
        remedy = f"Connect to the internet once: wheels are cached in {CACHE}"
        raise UserError(Fault(", ".join(absent), what, remedy))


def _licence(folder: Path, package: Package) -> str:
    """The licence in a package's metadata: an expression, a name, or a classifier."""
    wheel = next(
        path
        for path in sorted(folder.glob("*.whl"))
        if parse_wheel_filename(path.name)[0] == canonicalize_name(package.name)
    )
    with zipfile.ZipFile(wheel) as opened:
        name = next(name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(opened.read(name))
    classifiers = [
        text.rpartition(" :: ")[2] for text in metadata.get_all("Classifier", []) if text.startswith("License :: ")
    ]
    given = str(metadata["License-Expression"] or metadata["License"] or "").strip()
    # Some hold the whole text, whose first line is less informative than the classifier.
    return given if given and "\n" not in given else "; ".join(classifiers) or given.partition("\n")[0] or "unknown"
