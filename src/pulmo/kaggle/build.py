"""A kernel built: the single file with its metadata, and its dataset with the model and the wheels."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pulmo.competition import Competition
from pulmo.errors import Fault, UserError
from pulmo.kaggle.folders import METADATA, NOTEBOOK, SCRIPT, built_dataset, built_kernel
from pulmo.kaggle.image import read_images
from pulmo.kaggle.limits import Limit, limits_of
from pulmo.kaggle.locking import exclusive
from pulmo.kaggle.metadata import KernelMetadata
from pulmo.kaggle.packages import expected_packages, kernel_libraries, missing_packages
from pulmo.kaggle.private import check_private as _check_private
from pulmo.kaggle.runtime import COMPANIONS, VERSIONS, WEIGHTS_FOLDER
from pulmo.kaggle.script import build_notebook, build_script, kernel_source, weight_files
from pulmo.kaggle.wheels import collect_wheels

DATASET_METADATA = "dataset-metadata.json"


class Built(NamedTuple):
    """A built kernel: its folders, the sizes in bytes of the file that is pushed and of the dataset, and name, version
    and licence of every package in it."""

    kernel: Path
    dataset: Path
    code_bytes: int
    dataset_bytes: int
    packages: list[tuple[str, str, str]]


def build(
    competition: Competition,
    kind: str,
    model: Path | None,
    metadata: KernelMetadata,
    companions: Sequence[Path] = (),
) -> Built:
    """Build a competition's kernel in `kernels/<name>/<kind>`.

    Args:
        competition: the competition.
        kind: `infer` or `train`.
        model: the trained model that `infer` predicts with; None for `train`.
        metadata: the kernel's; that of a notebook adds the notebook to the script.
        companions: files of the user's own that `train` finds beside Kaggle's, see `Competition.companion_files`.

    Raises:
        UserError: a wheel cannot be fetched, a limit is exceeded, or the result holds a secret or a local path. What
            was built before is kept.
    """
    target = built_kernel(competition, kind).parent
    with exclusive(target.with_name(f"{kind}.lock"), f"Another process is building {target}: waiting for it …"):
        partial = target.with_name(f"{kind}.partial")
        shutil.rmtree(partial, ignore_errors=True)  # of a build that was killed
        kernel, dataset = (partial / path(competition, kind).name for path in (built_kernel, built_dataset))
        try:
            source = kernel_source(competition, kind)
            kernel.mkdir(parents=True)
            (kernel / SCRIPT).write_text(build_script(competition.name, source))
            if metadata["code_file"] == NOTEBOOK:
                (kernel / NOTEBOOK).write_text(build_notebook(competition.name, source))
            _write_json(kernel / METADATA, metadata)
            packages = _fill_dataset(dataset, kernel_libraries(competition, source), model, metadata)
            for path in companions:
                (dataset / COMPANIONS).mkdir(exist_ok=True)
                (dataset / COMPANIONS / path.name).write_bytes(path.read_bytes())
            sizes = (kernel / metadata["code_file"]).stat().st_size, _size(dataset)
            _check_limits(limits_of(competition, kind), *sizes)
            _check_private(partial)
            _replace(target, partial)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return Built(built_kernel(competition, kind), built_dataset(competition, kind), *sizes, packages)


def _replace(target: Path, partial: Path) -> None:
    """Rename the checked folder to its place, and delete what was there."""
    old = target.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _fill_dataset(
    dataset: Path, libraries: set[str], model: Path | None, metadata: KernelMetadata
) -> list[tuple[str, str, str]]:
    """Write wheels, expected versions, model and metadata; name, version and licence of each package."""
    images = read_images()
    missing = {image.python: missing_packages(libraries, image) for image in images}
    packages = collect_wheels(missing, dataset / "wheels")
    expected = [package._asdict() for package in expected_packages(libraries, images[0])]
    _write_json(dataset / "wheels" / VERSIONS, {"python": images[0].python, "packages": expected})
    if model is not None:
        shutil.copytree(model, dataset / "model")
    else:
        (dataset / WEIGHTS_FOLDER).mkdir()
        for name, content in weight_files().items():
            (dataset / WEIGHTS_FOLDER / name).write_bytes(content)
    name = metadata["dataset_sources"][0]
    title = name.rpartition("/")[2].replace("-", " ")
    _write_json(dataset / DATASET_METADATA, {"id": name, "title": title, "licenses": [{"name": "other"}]})
    return packages


def _check_limits(limits: dict[str, Limit], code_bytes: int, dataset_bytes: int) -> None:
    sizes = {"script_mb": code_bytes / 1e6, "dataset_gb": dataset_bytes / 1e9}
    faults = [_too_large(name, size, limits[name]) for name, size in sizes.items() if size > limits[name].amount]
    if faults:
        raise UserError(faults)


def _too_large(name: str, size: float, limit: Limit) -> Fault:
    what = f"is {size:.2f} {limit.unit}; {limit.certainty} limit: {limit.amount:g} {limit.unit}"
    return Fault(f"the {name.partition('_')[0]}", what, "Use a smaller model")


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
