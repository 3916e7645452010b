"""A kernel's metadata, generated from the competition's declaration, in the format of Kaggle's client.

Kaggle documents the fields in `docs/kernels_metadata.md` of its `kaggle-cli` and in `ApiSaveKernelRequest` of its
`kagglesdk`. All of them are written: Kaggle's client would choose a value for a missing one.
"""

import re
from typing import NotRequired, TypedDict, cast

from pulmo.competition import Accelerator, Competition
from pulmo.errors import Fault, UserError
from pulmo.kaggle.credentials import hide
from pulmo.kaggle.folders import INFER, METADATA, NOTEBOOK, SCRIPT, built_kernel, read_metadata
from pulmo.kaggle.limits import GENERAL, limits_of, time_limit_name

OWNER = "OWNER"  # in place of a Kaggle user name that is not known yet

_NOTEBOOK = "notebook"  # Kaggle's name of the type
_USER = re.compile(r"[A-Za-z0-9_-]+")


class KernelMetadata(TypedDict):
    """The contents of `kernel-metadata.json`; Kaggle writes true and false as text.

    `machine_shape` is the accelerator, empty for none. `session_timeout_seconds` is read by `pulmo … kernel push`;
    Kaggle's own client takes it as `--timeout`. With the pinning type `original`, every version of the kernel runs in
    the image of its first one, unless `docker_image` names another.
    """

    id: str
    title: str
    code_file: str
    language: str
    kernel_type: str
    is_private: str
    enable_gpu: str
    enable_tpu: str
    enable_internet: str
    machine_shape: str
    session_timeout_seconds: int
    docker_image_pinning_type: str
    docker_image: NotRequired[str]
    competition_sources: list[str]
    dataset_sources: list[str]
    kernel_sources: list[str]
    model_sources: list[str]
    keywords: list[str]


def kernel_metadata(
    competition: Competition, kind: str, owner: str, accelerator: Accelerator | None = None, docker_image: str = ""
) -> KernelMetadata:
    """The metadata of a competition's kernel.

    Args:
        competition: the competition.
        kind: `infer` or `train`.
        owner: the user's name on Kaggle.
        accelerator: the machine it runs on; by default the one that the competition declares.
        docker_image: address and digest of the Kaggle image it runs in; by default the one of its first version.

    Raises:
        UserError: the owner is no name of a Kaggle user.
    """
    if not _USER.fullmatch(owner):
        what = f"{hide(owner)!r} is no name of a user on Kaggle"
        raise UserError(Fault("--owner", what, "Copy it from the address of your profile: kaggle.com/NAME"))
    accelerator = accelerator or competition.kernel.accelerator
    machine_shape = "" if accelerator == "none" else accelerator
    title = f"pulmo {competition.name} {kind}"
    metadata: KernelMetadata = {
        "id": f"{owner}/{slug_of(title)}",
        "title": title,
        "code_file": SCRIPT,
        "language": "python",
        "kernel_type": "script",
        "is_private": "true",
        "enable_gpu": "true" if machine_shape else "false",
        "enable_tpu": "false",
        "enable_internet": "false",
        "machine_shape": machine_shape,
        "session_timeout_seconds": _timeout_seconds(competition, kind, machine_shape),
        "docker_image_pinning_type": "original",
        "competition_sources": [competition.kaggle_slug],
        "dataset_sources": [f"{owner}/{dataset_slug(competition, kind)}"],
        "kernel_sources": [],
        "model_sources": [],
        "keywords": [],
    }
    return metadata | {"docker_image": docker_image} if docker_image else metadata


def as_notebook(metadata: KernelMetadata) -> KernelMetadata:
    """The metadata of the same kernel as a notebook; Kaggle keeps a kernel's type, so its name is another."""
    name, title = f"{metadata['id']}-{_NOTEBOOK}", f"{metadata['title']} {_NOTEBOOK}"
    return metadata | {"id": name, "title": title, "code_file": NOTEBOOK, "kernel_type": _NOTEBOOK}


def built_metadata(competition: Competition, kind: str) -> KernelMetadata:
    """The metadata of the built kernel.

    Raises:
        UserError: the file is missing or damaged, or lacks a field.
    """
    path = built_kernel(competition, kind) / METADATA
    metadata = read_metadata(path)
    if missing := sorted(KernelMetadata.__required_keys__ - metadata.keys()):
        raise UserError(Fault(str(path), f"has no field {', '.join(missing)}", "Build the kernel again"))
    return cast(KernelMetadata, metadata)


def dataset_slug(competition: Competition, kind: str) -> str:
    """The dataset that a kernel reads: a model and wheels, or for training only wheels."""
    return slug_of(f"pulmo {competition.name} {'model' if kind == INFER else 'wheels'}")


def slug_of(title: str) -> str:
    """The last part of the address that Kaggle derives from a title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _timeout_seconds(competition: Competition, kind: str, machine_shape: str) -> int:
    """The limit on run time; Kaggle accepts only a timeout below the longest session."""
    name = time_limit_name(machine_shape)
    longest = round(GENERAL[name].amount * 3600)
    return min(round(limits_of(competition, kind)[name].amount * 3600), longest - 1)
