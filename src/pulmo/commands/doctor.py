"""What works on this machine, and what to do about the rest."""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pulmo import __version__
from pulmo.commands.console import show_table

LEAST_FREE_GIB = 20  # the work folder of the largest competition

_DEVICES = (
    "import keras, tensorflow; print(keras.backend.backend(), len(tensorflow.config.list_physical_devices('GPU')))"
)


def examine() -> None:
    """Print a table: what was looked at, what was found, what to do."""
    show_table([_python(), *_packages(), *_decoders(), _devices(), _disk()])


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
    """Whether the compressed transfer syntaxes of DICOM can be read."""
    purposes = {
        "gdcm": ("JPEG, JPEG-LS, JPEG 2000", "python-gdcm"),
        "SimpleITK": ("12-bit JPEG, a second way for the others", "simpleitk"),
    }
    return [
        _row(f"decoder {module}", purpose)
        if importlib.util.find_spec(module)
        else _row(f"decoder {module}", f"missing: no {purpose}", f"pip install {package}")
        for module, (purpose, package) in purposes.items()
    ]


def _devices() -> dict[str, str]:
    """The backend and GPUs, asked in a process of its own: loading TensorFlow is slow and talkative."""
    answer = subprocess.run([sys.executable, "-c", _DEVICES], capture_output=True, text=True, check=False)
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        return _row("networks", f"cannot be trained: {reason}", "make setup")
    backend, gpus = answer.stdout.split()[-2:]
    if gpus != "0":
        return _row("networks", f"{backend}, {gpus} GPU")
    driver = shutil.which("nvidia-smi")
    remedy = "make setup GPU=1" if driver else "nothing to do: all works on the CPU, networks train more slowly"
    return _row("networks", f"{backend}, no GPU", remedy)


def _disk() -> dict[str, str]:
    free_gib = shutil.disk_usage(Path.cwd()).free / 2**30
    remedy = "" if free_gib >= LEAST_FREE_GIB else f"free some: whole competitions want {LEAST_FREE_GIB} GiB"
    return _row("disk here", f"{free_gib:.0f} GiB free", remedy)
