"""A kernel's single file, a script or a notebook: pulmo as an embedded zip, then the kernel's source.

Equal sources give equal bytes. The zip's members are stored, and the zip is compressed as a whole: modules resemble
each other, so that takes little more than half of what members take that are compressed one by one.
"""

import ast
import base64
import hashlib
import io
import json
import lzma
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from string import Template
from typing import Any

import pulmo
from pulmo.competition import Competition
from pulmo.kaggle.folders import INFER
from pulmo.kaggle.metadata import dataset_slug

LINE = 120
_EPOCH = (1980, 1, 1, 0, 0, 0)

_SCRIPT = '''\
# Built by `pulmo {name} kernel build`; not to be edited. This block unpacks pulmo {version}, embedded as a zip; the
# kernel's source follows it.
import base64
import lzma
import os
import sys
import tempfile

PULMO = """
{package}
"""


def unpack_pulmo() -> None:
    package = lzma.decompress(base64.b85decode("".join(PULMO.split())))
    path = os.path.join(tempfile.gettempdir(), "pulmo-{digest}.zip")
    if not holds(path, package):
        # Another file of that name is replaced; where another user owns it, a file of another name is used.
        handle, partial = tempfile.mkstemp(prefix="pulmo-", suffix=".zip")
        with open(handle, "wb") as file:
            file.write(package)
        try:
            os.replace(partial, path)
        except OSError:
            path = partial
    if path not in sys.path:
        sys.path.insert(0, path)


def holds(path: str, package: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            own = os.fstat(file.fileno()).st_uid == os.geteuid()  # another owner could change it afterwards
            return own and file.read() == package
    except OSError:
        return False


unpack_pulmo()

'''


def kernel_source(competition: Competition, kind: str) -> str:
    """The source of a competition's kernel: the template `kernel_template.py` with the competition's stages.

    Args:
        competition: the competition.
        kind: `infer`, for the stage `predict` alone, or `train`, for all stages.
    """
    stages = [competition.stage("predict")] if kind == INFER else competition.stages
    values = {
        "title": competition.title,
        "inputs": "the test set and a trained model" if kind == INFER else "the training and test sets",
        "outputs": "submission.csv" if kind == INFER else "a trained model and submission.csv",
        "dataset": dataset_slug(competition, kind),
        "competition": competition.name,
    }
    lines: list[str] = []
    for line in (resources.files("pulmo.kaggle") / "kernel_template.py").read_text().splitlines(keepends=True):
        repeated = stages if "$stage" in line else stages[:1]
        lines += [Template(line).substitute(values, stage=spec.name, summary=spec.summary) for spec in repeated]
    return "".join(lines)


def build_script(competition: str, source: str) -> str:
    """The single file of a kernel.

    Args:
        competition: its name.
        source: the kernel's source.
    """
    return _unpacking(competition) + source


def build_notebook(competition: str, source: str) -> str:
    """The same kernel as a notebook: the source's docstring as text, then two cells that together are the script.

    In the format nbformat 4.5 (https://nbformat.readthedocs.io). Kaggle shows the first cell, the embedded package,
    folded up.
    """
    heading = ast.get_docstring(ast.parse(source)) or competition
    cells = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": _lines(f"# {heading}")},
        _code_cell("package", _unpacking(competition), {"_kg_hide-input": True, "jupyter": {"source_hidden": True}}),
        _code_cell("kernel", source, {}),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def _code_cell(name: str, source: str, metadata: dict[str, Any]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": metadata,
        "outputs": [],
        "source": _lines(source),
    }


def _lines(source: str) -> list[str]:
    return source.splitlines(keepends=True)


def _unpacking(competition: str) -> str:
    """The part of a kernel that unpacks pulmo."""
    package = package_zip()
    return _SCRIPT.format(
        name=competition,
        version=pulmo.__version__,
        package=_encoded(package),
        digest=hashlib.sha256(package).hexdigest()[:16],
    )


@lru_cache(maxsize=1)  # a script and a notebook of the same package; compressing it takes most of a second
def _encoded(package: bytes) -> str:
    encoded = base64.b85encode(lzma.compress(package, preset=9)).decode()
    return "\n".join(encoded[start : start + LINE] for start in range(0, len(encoded), LINE))


def package_zip() -> bytes:
    """The package's sources and data as a zip, byte for byte the same whenever and wherever it is made."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, content in package_files().items():
            member = zipfile.ZipInfo(name, _EPOCH)
            member.compress_type, member.create_system = zipfile.ZIP_STORED, 3
            member.external_attr = 0o100644 << 16
            opened.writestr(member, content)
    return archive.getvalue()


def package_files() -> dict[str, bytes]:
    """The package's sources and settings by their path, `pulmo/…`, in the order of the paths."""
    return dict(sorted(_files_in(resources.files("pulmo"), "pulmo", (".py", ".toml"))))


def weight_files() -> dict[str, bytes]:
    """The weights of networks in the package, by file name: too large for a kernel's script."""
    return {path.rpartition("/")[2]: content for path, content in _files_in(resources.files("pulmo"), "", (".npz",))}


def _files_in(folder: Traversable, name: str, endings: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        path = f"{name}/{entry.name}"
        if entry.is_dir():
            yield from _files_in(entry, path, endings)
        elif entry.name.endswith(endings):
            yield path, entry.read_bytes()
