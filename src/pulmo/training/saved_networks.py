"""Networks of one kind in files, asked one after the other."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras

# A saved network is not read before its layers have been.
import pulmo.models.detector
import pulmo.models.normalise
import pulmo.models.quantile_lines  # noqa: F401
from pulmo.errors import Fault, UserError


class SavedNetworks:
    """One Keras model, which takes the weights of each of `files` in turn: to compile takes longer than to predict.

    Args:
        files: `.keras`, all of one architecture.
        shape: of what the network's `image` is to be asked about, without the batch; not checked where None.

    Raises:
        UserError: a file is damaged or is no Keras model, or the networks are for images of another shape.
    """

    def __init__(self, files: Sequence[Path], shape: Sequence[int] | None = None) -> None:
        self.files = files
        self.network = _told(files[0], lambda file: keras.models.load_model(file, compile=False))
        image = next((tensor for tensor in self.network.inputs if tensor.name == "image"), self.network.inputs[0])
        if shape is not None and tuple(image.shape[1:]) != tuple(shape):
            what = f"is a network for images of {image.shape[1:]}, not of {tuple(shape)}"
            raise UserError(Fault(str(files[0]), what, "Use the networks and the ensemble.json of the same model"))

    def each(self) -> Iterator[Any]:
        """The model, with the weights of one file after the other."""
        for file in self.files:
            _told(file, self.network.load_weights)
            yield self.network


def _told(file: Path, read: Any) -> Any:
    try:
        return read(file)
    except (ValueError, OSError, KeyError, TypeError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        remedy = "Copy the whole of model/ again, or train"
        raise UserError(Fault(str(file), f"cannot be read as one of the model's networks ({reason})", remedy)) from None
