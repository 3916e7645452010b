"""The state of this machine: versions, decoders, devices, credentials, folders, disk and memory, with remedies."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil

from pulmo import __version__
from pulmo.commands.console import log, show_table
from pulmo.competition import Competition, competition_names, find_competition
from pulmo.errors import ScanError, UserError
from pulmo.kaggle.credentials import browser_login, token, user_and_key, user_name
from pulmo.kaggle.image import installed_version, own_requirements, read_images, with_requirements
from pulmo.pipeline.settings import load_settings
from pulmo.protocols import DataCheck

GIB = 2**30
LEAST_FREE_GIB = 20  # the work folder of the largest competition

_DEVICES = (
    "import keras, tensorflow; print(keras.backend.backend(), len(tensorflow.config.list_physical_devices('GPU')))"
)
_COMPRESSIONS = {
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG, lossless": "1.2.840.10008.1.2.4.70",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
}


def examine() -> None:
    """Print a table: item, finding, remedy."""
    rows = [_python(), *_packages(), *_decoders(), _devices(), _credentials(), _writable(), _disk(), _memory()]
    show_table([*rows, *_data_at_hand()])


def compare_with_kaggle() -> None:
    """Print the packages that pulmo requires, directly or not, whose version differs from that in Kaggle's image."""
    image, _ = read_images()
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    names = sorted(with_requirements([requirement.name for requirement in own_requirements()], here))
    known = [name for name in names if name in image.versions]
    pairs = [(name, installed_version(name), image.versions[name]) for name in known]
    different = [pair for pair in [("Python", here, image.python), *pairs] if pair[1] != pair[2]]
    remedy = "pip install {}=={}" if here == image.python else f"install Python {image.python}, make setup"
    if different:
        show_table(
            [
                {"package": name, "here": version, "Kaggle's image": there, "do": remedy.format(name, there)}
                for name, version, there in different
            ]
        )
    same = sum(version == there for _, version, there in pairs)
    lacked = [f"{name} {installed_version(name)}" for name in names if name not in image.versions]
    print(f"{same} of {len(known)} packages are as in Kaggle's image of {image.date}, which has Python {image.python}.")
    print(f"It lacks {', '.join(lacked) or 'none'}: `kernel build` brings what of these a kernel imports.")


def _row(what: str, found: str, remedy: str = "") -> dict[str, str]:
    return {"what": what, "found": found, "do": remedy or "–"}


def _python() -> dict[str, str]:
    return _row(
        "Python, pulmo", f"{platform.python_version()}, {__version__} on {platform.system()} {os.cpu_count()} cores"
    )


def _packages() -> list[dict[str, str]]:
    """The packages pulmo requires, each with its version here."""
    rows = []
    for requirement in importlib.metadata.requires("pulmo") or []:
        if "extra ==" in requirement:
            continue
        name = re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0]
        try:
            rows.append(_row(name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            rows.append(_row(name, "missing", f"pip install '{requirement}'"))
    return rows


def _decoders() -> list[dict[str, str]]:
    """Whether compressed scans can be read: a tiny one of each kind is tried."""
    with tempfile.TemporaryDirectory() as folder:
        return [_decoder(kind, syntax, Path(folder, kind)) for kind, syntax in _COMPRESSIONS.items()]


def _decoder(kind: str, syntax: str, folder: Path) -> dict[str, str]:
    what = f"scans in {kind}"
    try:
        from pulmo.imaging.pixels import read_pixels  # a missing package is a row of the table
        from pulmo.imaging.slices import read_slice_header
        from pulmo.phantom.dicom import Encoding, write_series
        from pulmo.phantom.geometry import axial, evenly

        hu = np.arange(64, dtype=np.int16).reshape(1, 8, 8)
        encoding = Encoding(intercept=0, transfer_syntax=syntax)
        (path,) = write_series(folder, hu, axial(evenly(1, 1.0), (8, 8), 1.0), None, encoding)
        right = np.array_equal(read_pixels(read_slice_header(path)), hu[0])
    except (ImportError, ScanError) as error:
        return _row(what, f"cannot be read: {error}", "pip install imagecodecs python-gdcm")
    return _row(what, "read" if right else "read wrongly", "" if right else "pip install --force-reinstall imagecodecs")


def _devices() -> dict[str, str]:
    """The backend and GPUs, queried in a process of its own: loading TensorFlow is slow and writes to stderr."""
    found = subprocess.run([sys.executable, "-c", _DEVICES], capture_output=True, text=True, check=False)
    if found.returncode:
        reason = (found.stderr.strip().splitlines() or ["no reason given"])[-1]
        return _row("networks", f"cannot be trained: {reason}", "make setup")
    backend, gpus = found.stdout.split()[-2:]
    if gpus != "0":
        return _row("networks", f"{backend}, {gpus} GPU")
    driver = shutil.which("nvidia-smi")
    remedy = "make setup GPU=1" if driver else "no action needed: the CPU works, networks train more slowly"
    return _row("networks", f"{backend}, no GPU", remedy)


def _credentials() -> dict[str, str]:
    """Whether Kaggle would know the user; nothing is sent."""
    what = "Kaggle's credentials"
    try:
        found = bool(token() or user_and_key() or browser_login())
        name = user_name()
    except UserError as error:
        fault = error.faults[0]
        return _row(what, f"{fault.where}: {fault.what}", fault.remedy)
    if found:
        return _row(what, f"found{f', user {name}' if name else ''}")
    remedy = "for download, push and submit: a token of kaggle.com/settings in ~/.kaggle/access_token"
    return _row(what, "none", remedy)


def _writable() -> dict[str, str]:
    """Whether results can be written below the current folder; a link may lead to another disk."""
    folders = [folder for folder in (Path(), *map(Path, ("work", "submissions", "kernels"))) if folder.exists()]
    closed = [str(folder) for folder in folders if not os.access(folder, os.W_OK)]
    if closed:
        return _row(
            "folders here", f"not writable: {', '.join(closed)}", "change to another folder, or its permissions"
        )
    return _row("folders here", f"{Path.cwd()} is writable")


def _disk() -> dict[str, str]:
    free_gib = _free_disk() / GIB
    remedy = "" if free_gib >= LEAST_FREE_GIB else f"free some: whole competitions need {LEAST_FREE_GIB} GiB"
    return _row("disk here", f"{free_gib:.0f} GiB free", remedy)


def _memory() -> dict[str, str]:
    memory = psutil.virtual_memory()
    return _row("memory", f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free")


def _data_at_hand() -> list[dict[str, str]]:
    """For each competition whose files are here, what the preset `full` needs of disk and memory."""
    rows = []
    for competition in map(find_competition, competition_names()):
        data, checker = competition.default_data, competition.data_check
        if checker is not None and data.is_dir():
            log(f"Checking {data} …")
            needs = checker.check(data, load_settings(competition.settings, competition.config))
            rows.append(_needs(competition, needs))
    return rows


def _needs(competition: Competition, needs: DataCheck) -> dict[str, str]:
    free = {"disk": (needs.disk_bytes, _free_disk()), "memory": (needs.memory_bytes, psutil.virtual_memory().available)}
    short = [name for name, (needed, available) in free.items() if needed > available]
    found = " and ".join(f"{needed / GIB:.1f} GiB of {name}" for name, (needed, _) in free.items())
    check = f"pulmo {competition.name} check"
    remedies = [f"free {name}, or choose a smaller preset: `{check} --preset fast`" for name in short]
    if needs.faults:
        remedies.append(f"the data have {len(needs.faults)} faults: `{check}`")
    return _row(f"{competition.name}, preset full", f"needs about {found}", "; ".join(remedies))


def _free_disk() -> int:
    """Bytes free where intermediate results go: `work` may be a link to another disk."""
    work = Path("work")
    return shutil.disk_usage(work if work.is_dir() else Path.cwd()).free
