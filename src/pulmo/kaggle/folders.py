"""Where a competition's kernels lie: what is written by hand, and what is built from it."""

import json
from pathlib import Path
from typing import Any

from pulmo.competition import Competition
from pulmo.errors import Fault, UserError

KERNELS = Path("kernels")
INFER, TRAIN = "infer", "train"
OWNER = "OWNER"  # what stands for the user in the metadata as they are written
METADATA, SCRIPT = "kernel-metadata.json", "kernel.py"


def source_folder(competition: Competition, kind: str) -> Path:
    """`kernels/<name>/infer` or `train`: the kernel as it is written."""
    return KERNELS / competition.name / kind


def built_kernel(competition: Competition, kind: str) -> Path:
    """The folder of the built script and its metadata, as Kaggle's client takes it."""
    return KERNELS / competition.name / "build" / kind / "kernel"


def built_dataset(competition: Competition, kind: str) -> Path:
    """The folder of the dataset that the built kernel reads."""
    return KERNELS / competition.name / "build" / kind / "dataset"


def kernel_id(competition: Competition, kind: str = INFER) -> str:
    """`owner/slug` of the built kernel.

    Raises:
        UserError: it has not been built, or what was built is damaged.
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


def read_metadata(path: Path, owner: str = OWNER) -> dict[str, Any]:
    """A kernel's or a dataset's metadata, with the owner's name in.

    Raises:
        UserError: the file is not there, or holds no JSON object.
    """
    try:
        metadata = json.loads(path.read_text().replace(f"{OWNER}/", f"{owner}/"))
    except FileNotFoundError:
        raise UserError(Fault(str(path), "there is no such file", "Build the kernel again")) from None
    except ValueError as error:
        raise UserError(Fault(str(path), f"is damaged ({error})", "Mend it, or build the kernel again")) from None
    if not isinstance(metadata, dict):
        raise UserError(Fault(str(path), "holds no JSON object", "Mend it, or build the kernel again"))
    return metadata
