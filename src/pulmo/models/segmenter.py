"""What all segmentation networks share: their input, their output heads.

A segmenter is a Keras model from {"image": uint8 (batch, pixels, pixels)} to {"mask": float32 (batch, pixels, pixels),
the probability of each pixel}, and with a presence head also {"presence": float32 (batch,), the probability that the
image shows anything}.
"""

from typing import Any

import keras
from keras import layers, ops

from pulmo.models.normalise import Normalise

BLACK, WHITE, GREY = 0.0, 255.0, 0.5


def check_size(pixels: int, multiple: int) -> None:
    """Raise ValueError if images of `pixels` a side cannot be halved as often as a network halves them."""
    if pixels % multiple:
        raise ValueError(f"{pixels} pixels a side are not a multiple of {multiple}")


def normalised(image: Any) -> Any:
    """uint8 (batch, rows, columns) → around zero, (batch, rows, columns, 1)."""
    return layers.Reshape((*image.shape[1:], 1))(Normalise(BLACK, WHITE, GREY)(image))


def as_segmenter(name: str, image: Any, features: Any, bottom: Any = None) -> Any:
    """The network from `image`: last `features`, maybe smaller than it → mask; `bottom` features, if any → presence."""
    # In float32, because the loss is computed from it.
    x = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32")(features)
    outputs = {"mask": upsampled(x, image.shape[1] // x.shape[1], "bilinear")}
    if bottom is not None:
        probability = layers.Dense(1, activation="sigmoid", dtype="float32")(global_features(bottom))
        outputs["presence"] = ops.squeeze(probability, -1)
    return keras.Model({"image": image}, outputs, name=name)


def global_features(features: Any) -> Any:
    """Mean and maximum over the image: (batch, rows, columns, filters) → (batch, 2 · filters)."""
    return layers.Concatenate()([layers.GlobalAveragePooling2D()(features), layers.GlobalMaxPooling2D()(features)])


def upsampled(x: Any, times: int, interpolation: str) -> Any:
    """(batch, rows, columns, 1) → (batch, times · rows, times · columns)."""
    if times > 1:
        x = layers.UpSampling2D(times, interpolation=interpolation, dtype="float32")(x)
    return ops.squeeze(x, -1)
