"""Asking networks that outline something: pictures → probabilities, mirrored views and folds averaged."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import keras
import numpy as np
from keras import ops

from pulmo.training.loop import predict
from pulmo.training.saved_networks import SavedNetworks
from pulmo.training.sequences import Rows
from pulmo.training.tta import flipped_views

CERTAIN = 255


class Masks(NamedTuple):
    """What networks say.

    Attributes:
        probability: uint8 (n, pixels, pixels), 255 being certain; see `upsampled`.
        any: float32 (n,), the probability that there is anything; NaN from networks without a head.
    """

    probability: np.ndarray
    any: np.ndarray


class MaskPredictor:
    """A network's answer, compiled once; it follows the network's weights. Inside `computing_on` only.

    Args:
        network: a segmenter.
        flip: also ask about the picture's mirror image (left for right), and average both answers.
        batch: pictures at a time.
    """

    def __init__(self, network: Any, flip: bool, batch: int = 16) -> None:
        self._answer, self._batch = _in_bytes(network, flip), batch

    def predict(self, images: np.ndarray, which: np.ndarray | None = None) -> Masks:
        """Images uint8 (n, pixels, pixels), or those of the numbers `which`, in that order."""
        said = predict(self._answer, Rows({"image": images}), self._batch, which)
        del said["sum"]  # a byte cannot show that a pixel is not finite; `predict` has looked at their sum
        none = np.full(len(said["mask"]), np.nan, np.float32)
        return Masks(said["mask"], said.get("any", none))


def predict_folds(files: Sequence[Path], flip: bool, images: np.ndarray) -> Masks:
    """The mean over the networks in `files` of what each says of all images; see `Masks`, and `MaskPredictor` for
    `flip`, which is to be as it was when they were validated."""
    networks = SavedNetworks(files, images.shape[1:])
    predictor = MaskPredictor(networks.network, flip)
    total, anything = np.zeros(images.shape, np.uint16), np.zeros(len(images), np.float32)
    for _ in networks.each():
        said = predictor.predict(images)
        total += said.probability
        anything += said.any
    count = len(files)
    return Masks(((total + count // 2) // count).astype(np.uint8), anything / count)


def upsampled(probability: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """An image's probabilities, uint8 (pixels, pixels), at its full size (rows, columns)."""
    large: np.ndarray = cv2.resize(probability, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return large


def _in_bytes(network: Any, flip: bool) -> Any:
    """The network with its mirrored view; a byte a pixel leaves the device."""
    image = keras.Input(network.inputs[0].shape[1:], dtype="uint8", name="image")
    if flip:
        views = flipped_views(network, image)
        views["mask"] = ops.stack([views["mask"][:, 0], ops.flip(views["mask"][:, 1], 2)], 1)
        said = {name: ops.mean(view, 1) for name, view in views.items()}
    else:
        said = network({"image": image})
    said["sum"] = ops.sum(ops.cast(said["mask"], "float32"), (1, 2))
    said["mask"] = ops.cast(ops.round(CERTAIN * said["mask"]), "uint8")
    return keras.Model({"image": image}, said)
