"""The slides' three-dimensional network: two convolutions, and a dense layer that holds nearly all of its weights.

    volume → normalised → 3×3×3 convolution, 32 → pool → 3×3×3 convolution, 64 → pool → dense 1024 → dropout → 2 scores

With volumes of 50 × 50 × 20 the second pooling leaves 13 × 13 × 5 places of 64 numbers: 54,080, each joined to each of
1,024 units. That is 55,378,944 of 55,437,250 weights, for some dozens of scans: why it overfits.
"""

from typing import Any, NamedTuple

import keras
from keras import layers

from pulmo.models.intensity_scale import IntensityScale
from pulmo.models.normalise import Normalise
from pulmo.models.resnet3d import CLASSES, LOCALISED


class SlidesCnn3dParameters(NamedTuple):
    """`shape` (slices, rows, columns, channels) of a volume; `filters` of each convolution (the slides: 32, 64),
    `dense` units (1024) and `dropout` (0.2) behind them."""

    shape: tuple[int, int, int, int]
    filters: tuple[int, ...]
    dense: int
    dropout: float


def slides_cnn3d(parameters: SlidesCnn3dParameters, scale: IntensityScale) -> Any:
    """Build the network.

    Returns:
        A Keras model: {"image": int16 (batch, slices, rows, columns, channels)} → float32 (batch, 2), the scores before
        the softmax, which the loss takes.
    """
    image = keras.Input(parameters.shape, dtype="int16", name="image")
    x = Normalise(*scale)(image)
    for number, filters in enumerate(parameters.filters, start=1):
        name = LOCALISED if number == len(parameters.filters) else None
        x = layers.Conv3D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=name)(x)
        x = layers.MaxPooling3D(2, padding="same")(x)
    joined = layers.Dense(parameters.dense, activation="relu", kernel_initializer="he_normal", name="joined")
    x = joined(layers.Flatten()(x))
    x = layers.Dropout(parameters.dropout)(x)
    return keras.Model({"image": image}, layers.Dense(CLASSES, dtype="float32")(x), name="slides_cnn3d")
