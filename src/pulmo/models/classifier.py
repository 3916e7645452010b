"""A classifier of grey images: an encoder → global pooling → logits.

    image → encoder, or contracting path of a U-Net → mean and maximum → dropout → dense

The logits are those of labels that may occur together (sigmoid) or of classes that exclude each other (softmax): the
loss decides.
"""

from typing import Any, NamedTuple

import keras
from keras import layers

from pulmo.models.encoders import LEVELS, encode
from pulmo.models.segmenter import global_features, normalised
from pulmo.models.unet import UnetParameters, contracting_path


class ClassifierParameters(NamedTuple):
    """`encoder`, one of `encoders.ENCODERS` or a U-Net's contracting path of that size; `dropout` before the logits."""

    encoder: str | UnetParameters
    dropout: float


def classifier(parameters: ClassifierParameters, pixels: int, outputs: int, weights: list[Any] | None = None) -> Any:
    """Build the network for images of `pixels` a side.

    Args:
        parameters: its size.
        pixels: of a side, a multiple of 32, or as `unet` wants it.
        outputs: the number of labels or classes.
        weights: the encoder's, see `encoders.encode`.

    Returns:
        A Keras model: {"image": uint8 (batch, pixels, pixels)} → logits, float32 (batch, outputs).

    Raises:
        ValueError: no such multiple, or weights of another encoder.
    """
    image = keras.Input((pixels, pixels), dtype="uint8", name="image")
    if isinstance(parameters.encoder, str):
        features = encode(parameters.encoder, image, weights, finest=LEVELS)[-1]
    else:
        features = contracting_path(parameters.encoder, normalised(image))[-1]
    x = layers.Dropout(parameters.dropout)(global_features(features))
    # In float32, because the loss is computed from it.
    return keras.Model({"image": image}, layers.Dense(outputs, dtype="float32")(x), name="classifier")
