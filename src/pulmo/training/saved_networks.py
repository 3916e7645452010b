"""Networks of one kind in files, asked one after the other."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras

# A saved network is not read before its layers have been.
import pulmo.models.detector
import pulmo.models.normalise
import pulmo.models.quantile_lines  # noqa: F401


class SavedNetworks:
    """One Keras model, which takes the weights of each of `files` in turn: to compile takes longer than to predict."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self.network = keras.models.load_model(files[0], compile=False)

    def each(self) -> Iterator[Any]:
        """The model, with the weights of one file after the other."""
        for file in self.files:
            self.network.load_weights(file)
            yield self.network
