"""A kernel built: the single-file script with its metadata, and the dataset it reads with the model and the wheels."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pulmo.competition import Competition
from pulmo.errors import Fault, UserError
from pulmo.kaggle.credentials import hide
from pulmo.kaggle.folders import METADATA, SCRIPT, built_dataset, built_kernel, read_metadata, source_folder
from pulmo.kaggle.image import read_images
from pulmo.kaggle.limits import Limit, limits_of
from pulmo.kaggle.locking import only_one
from pulmo.kaggle.packages import expected_packages, kernel_libraries, missing_packages
from pulmo.kaggle.private import check_private as _check_private
from pulmo.kaggle.runtime import VERSIONS
from pulmo.kaggle.script import build_script
from pulmo.kaggle.wheels import bring_wheels

DATASET_METADATA = "dataset-metadata.json"

_USER = re.compile(r"[A-Za-z0-9_-]+")

# Written out, all of them: what is left out would be chosen by Kaggle's client, and it chooses internet.
_KEYS = (
    "id", "title", "code_file", "language", "kernel_type", "is_private", "enable_gpu", "enable_tpu", "enable_internet",
    "competition_sources", "dataset_sources", "kernel_sources", "model_sources", "docker_image_pinning_type",
)  # fmt: skip


class Built(NamedTuple):
    """What was built: folders, sizes in bytes, and name, version and licence of every package brought along."""

    kernel: Path
    dataset: Path
    script_bytes: int
    dataset_bytes: int
    packages: list[tuple[str, str, str]]


def build(competition: Competition, kind: str, model: Path | None, owner: str) -> Built:
    """Build a competition's kernel.

    Args:
        competition: the competition.
        kind: `infer` or `train`.
        model: the trained model that goes along; None for the kernel that trains.
        owner: the user's name on Kaggle.

    Raises:
        UserError: the metadata are at fault, a wheel cannot be fetched, a limit is passed, or something secret or of
            this machine would be in it.
    """
    source = source_folder(competition, kind)
    metadata = _metadata(competition, source, owner)
    place = built_kernel(competition, kind).parent
    with only_one(place.with_name(f"{place.name}.lock"), f"Another process is building {place}: waiting for it …"):
        return _build(competition, source, metadata, place, model)


def _build(competition: Competition, source: Path, metadata: dict[str, Any], place: Path, model: Path | None) -> Built:
    """Build beside its place, check all of it, then put it there."""
    kind = place.name
    partial = place.with_name(f"{place.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a build that was killed
    kernel, dataset = (partial / path(competition, kind).name for path in (built_kernel, built_dataset))
    try:
        kernel.mkdir(parents=True)
        script = source / metadata["code_file"]
        (kernel / SCRIPT).write_text(build_script(competition.name, script))
        _write_json(kernel / METADATA, metadata | {"code_file": SCRIPT})
        packages = _fill_dataset(competition, script, dataset, model, metadata["dataset_sources"][0])
        sizes = (kernel / SCRIPT).stat().st_size, _size(dataset)
        _check_limits(competition, *sizes)
        _check_private(partial)
        _put_in_place(partial, place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # what was refused stays nowhere
    return Built(built_kernel(competition, kind), built_dataset(competition, kind), *sizes, packages)


def _put_in_place(partial: Path, place: Path) -> None:
    """Rename the checked folder to its place; what was there is deleted."""
    old = place.with_name(f"{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    partial.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _fill_dataset(
    competition: Competition, script: Path, dataset: Path, model: Path | None, name: str
) -> list[tuple[str, str, str]]:
    libraries = kernel_libraries(competition, script.read_text())
    images = read_images()
    packages = bring_wheels({image.python: missing_packages(libraries, image) for image in images}, dataset / "wheels")
    expected = [package._asdict() for package in expected_packages(libraries, images[0])]
    _write_json(dataset / "wheels" / VERSIONS, {"python": images[0].python, "packages": expected})
    if model is not None:
        shutil.copytree(model, dataset / "model")
    title = name.rpartition("/")[2].replace("-", " ")
    _write_json(dataset / DATASET_METADATA, {"id": name, "title": title, "licenses": [{"name": "other"}]})
    return packages


def _metadata(competition: Competition, source: Path, owner: str) -> dict[str, Any]:
    """The kernel's metadata as they are written, checked, with the owner's name in."""
    path = source / METADATA
    if not path.is_file():
        raise UserError(Fault(str(path), "there is no such file", "Run the command in pulmo's repository"))
    if not _USER.fullmatch(owner):
        what = f"{hide(owner)!r} is no name of a user on Kaggle"
        raise UserError(Fault("--owner", what, "Take it from the address of your profile: kaggle.com/NAME"))
    metadata = read_metadata(path, owner)
    faults = [
        Fault(f"{path}, {key}", "is not written out", "Kaggle's client would choose it: say what it shall be")
        for key in _KEYS
        if key not in metadata
    ]
    if not faults:
        faults += _wrong(competition, metadata, path)
    if faults:
        raise UserError(faults)
    return metadata


def _wrong(competition: Competition, metadata: dict[str, Any], path: Path) -> Iterator[Fault]:
    slug = metadata["id"].rpartition("/")[2]
    if slug_of(metadata["title"]) != slug:
        what = f"{metadata['title']!r} becomes {slug_of(metadata['title'])!r} on Kaggle, but the id says {slug!r}"
        yield Fault(f"{path}, title", what, "Make them agree")
    if metadata["enable_internet"] != "false":
        yield Fault(f"{path}, enable_internet", f"is {metadata['enable_internet']!r}", 'Write "false"')
    if competition.kaggle_slug not in metadata["competition_sources"]:
        yield Fault(f"{path}, competition_sources", f"is without {competition.kaggle_slug}", "Add it")
    if not metadata["dataset_sources"]:
        yield Fault(f"{path}, dataset_sources", "is empty", "Name the dataset that brings the wheels")
    if not (path.parent / metadata["code_file"]).is_file():
        yield Fault(f"{path}, code_file", f"there is no {metadata['code_file']}", "Correct its name")


def slug_of(title: str) -> str:
    """The address that Kaggle makes of a title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _check_limits(competition: Competition, script_bytes: int, dataset_bytes: int) -> None:
    limits = limits_of(competition)
    sizes = {"script_mb": script_bytes / 1e6, "dataset_gb": dataset_bytes / 1e9}
    faults = [_over(name, size, limits[name]) for name, size in sizes.items() if size > limits[name].amount]
    if faults:
        raise UserError(faults)


def _over(name: str, size: float, limit: Limit) -> Fault:
    what = f"is {size:.2f} {limit.unit}; {limit.certainty} limit: {limit.amount:g} {limit.unit}"
    return Fault(f"the {name.partition('_')[0]}", what, "Leave something out")


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
