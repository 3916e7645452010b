"""Training on top of an encoder that is never trained: its features are computed once, not in every epoch.

Each image is encoded as it is and in some randomly augmented copies; an epoch draws one of these views of each image.
On a CPU the encoder takes most of a training's time, and all folds and epochs share its features.
"""

import tempfile
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from pulmo.models.encoders import features_of
from pulmo.training.data import Rows, Sampler, gather
from pulmo.training.loop import predict

BATCH = 16


class FrozenFeatures:
    """The features of all rows, for training the rest of the network.

    Args:
        network: with a pretrained encoder; see `models.encoders`.
        rows: the images with their targets.
        augment: makes the augmented copies.
        views: of each row, of which the first is not augmented.
    """

    def __init__(self, network: Any, rows: Rows, augment: Any, views: int) -> None:
        features = features_of(network)
        inputs = {name: keras.Input(tensor.shape[1:], name=name) for name, tensor in features.items()}
        rest = keras.Model(list(features.values()), network.output)
        self.head = keras.Model(inputs, rest(list(inputs.values())), name="head")
        self._views, self._count = views, rows.length
        encode = keras.Model(network.input, features)
        self._inputs = {name: _on_disk(views * rows.length, tensor.shape[1:]) for name, tensor in features.items()}
        target = _target_of(rows)
        self._target = _on_disk(views * rows.length, target.shape[1:], target.dtype)
        for view in range(views):
            for first in range(0, rows.length, BATCH):
                # Batches of one size: another is compiled anew.
                which = np.arange(first, first + BATCH) % rows.length
                batch = gather(rows, which)
                batch = keras.tree.map_structure(keras.ops.convert_to_numpy, augment(batch)) if view else batch
                places = view * rows.length + which
                for name, values in predict(encode, Rows(batch["inputs"]), BATCH).items():
                    self._inputs[name][places] = values
                self._target[places] = batch["target"]

    @property
    def rows(self) -> Rows:
        """Every view of every row: the rows as they are, then their augmented copies in the same order."""
        return Rows(self._inputs, self._target)

    def sampler(self, rows: Sampler) -> Sampler:
        """The same rows, of each a view drawn at random."""

        def draw(rng: np.random.Generator, epoch: int) -> np.ndarray:
            order = rows(rng, epoch)
            return np.asarray(order + self._count * rng.integers(self._views, size=len(order)))

        return draw


def _target_of(rows: Rows) -> np.ndarray:
    if rows.target is None:
        raise ValueError("there is no target to train for")
    return rows.target


def _on_disk(count: int, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float16) -> np.ndarray:
    """An array in a file that is gone with it: features take up to a megabyte a view, in half precision."""
    with tempfile.TemporaryFile() as file:  # the array keeps it open
        return np.memmap(file, dtype, "w+", shape=(count, *shape))
