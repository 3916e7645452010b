"""Where a competition's built kernels are, and the metadata files in them."""

import json
from pathlib import Path
from typing import Any

from pulmo.competition import Competition
from pulmo.errors import Fault, UserError

KERNELS = Path("kernels")
INFER, TRAIN = "infer", "train"
METADATA, SCRIPT, NOTEBOOK = "kernel-metadata.json", "kernel.py", "kernel.ipynb"


def built_kernel(competition: Competition, kind: str) -> Path:
    """The folder of the built script and its metadata, in the layout of Kaggle's client."""
    return KERNELS / competition.name / kind / "kernel"


def built_dataset(competition: Competition, kind: str) -> Path:
    """The folder of the dataset that the built kernel reads."""
    return KERNELS / competition.name / kind / "dataset"


def kernel_id(competition: Competition, kind: str = INFER) -> str:
    """`owner/slug` of the built kernel.

    Raises:
        UserError: it has not been built, or its metadata are damaged.
    """
    path = built_kernel(competition, kind) / METADATA
    if not path.is_file():
        option = " --train" if kind == TRAIN else ""
        remedy = f"Run `pulmo {competition.name} kernel build{option}` first"
        raise UserError(Fault(str(path), "the kernel has not been built", remedy))
    name = read_metadata(path).get("id")
    if not isinstance(name, str) or name.count("/") != 1:
        raise UserError(Fault(f"{path}, id", f"is {name!r}, not owner/slug", "Build the kernel again"))
    return name


def read_metadata(path: Path) -> dict[str, Any]:
    """A kernel's or a dataset's metadata.

    Raises:
        UserError: there is no such file, or it holds no JSON object.
    """
    try:
        metadata = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(Fault(str(path), "there is no such file", "Build the kernel again")) from None
    except ValueError as error:
        raise UserError(Fault(str(path), f"is damaged ({error})", "Build the kernel again")) from None
    if not isinstance(metadata, dict):
        raise UserError(Fault(str(path), "holds no JSON object", "Build the kernel again"))
    return metadata
