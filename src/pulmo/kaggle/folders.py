"""Where a competition's kernels lie: what is written by hand, and what is built from it."""

import json
from pathlib import Path

from pulmo.competition import Competition
from pulmo.errors import Fault, UserError

KERNELS = Path("kernels")
INFER, TRAIN = "infer", "train"
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
        UserError: it has not been built.
    """
    path = built_kernel(competition, kind) / METADATA
    if not path.is_file():
        option = " --train" if kind == TRAIN else ""
        remedy = f"Run `pulmo {competition.name} kernel build{option}` first"
        raise UserError(Fault(str(path), "the kernel has not been built", remedy))
    return str(json.loads(path.read_text())["id"])
