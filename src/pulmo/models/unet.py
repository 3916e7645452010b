"""The pneumonia report's U-Net, and small ones of its kind: an image → each pixel's probability.

    image → block ──────────────────────────────────────────→ concat → block → 1×1 convolution, sigmoid
              └ max pool → block ────────────────→ concat → block → up ┘
                             └ max pool → … → block → up ┘

A block is twice (3×3 convolution, ReLU, batch normalisation), with dropout of whole channels between, concatenated to
its own input. Up is twice as many pixels, then a 2×2 convolution. Source: Ronneberger et al., MICCAI 2015.
"""

from typing import Any, NamedTuple

import keras
from keras import layers

from pulmo.models.segmenter import as_segmenter, check_size, normalised


class UnetParameters(NamedTuple):
    """`base_filters` of the first level, `filter_growth` times as many at each of `depth` levels further down.

    `dropout` of channels; `momentum` of batch normalisation; `output_stride`: the U-Net computes on an image so many
    times smaller (a strided convolution first, interpolation last); `presence_head`: the network also predicts whether
    there is anything.
    """

    base_filters: int
    depth: int
    filter_growth: float
    dropout: float
    momentum: float
    output_stride: int
    presence_head: bool


REPORT = UnetParameters(
    base_filters=32, depth=4, filter_growth=2.0, dropout=0.5, momentum=0.99, output_stride=1, presence_head=False
)
"""As the report has it: 10,700,546 parameters, 10,694,658 of them trainable."""


def unet(parameters: UnetParameters, pixels: int) -> Any:
    """Build the network for images of `pixels` a side, a multiple of output_stride · 2^depth.

    Returns:
        A Keras model, see `segmenter`.

    Raises:
        ValueError: no such multiple.
    """
    image = keras.Input((pixels, pixels), dtype="uint8", name="image")
    *skips, bottom = contracting_path(parameters, normalised(image))
    x = bottom
    for skip, count in zip(reversed(skips), reversed(_filters(parameters)[:-1]), strict=True):
        x = layers.Conv2D(count, 2, padding="same", activation="relu")(layers.UpSampling2D()(x))
        x = _block(layers.Concatenate()([skip, x]), count, parameters)
    return as_segmenter("unet", image, x, bottom if parameters.presence_head else None)


def contracting_path(parameters: UnetParameters, x: Any) -> list[Any]:
    """Features of each level, from the finest to the coarsest; `x` (batch, rows, columns, 1).

    Raises:
        ValueError: the image cannot be halved so often.
    """
    check_size(x.shape[1], parameters.output_stride * 2**parameters.depth)
    stride = parameters.output_stride
    if stride > 1:
        x = layers.Conv2D(parameters.base_filters, stride + 1, strides=stride, padding="same", activation="relu")(x)
    *upper, last = _filters(parameters)
    levels = []
    for count in upper:
        levels.append(_block(x, count, parameters))
        x = layers.MaxPooling2D()(levels[-1])
    return [*levels, _block(x, last, parameters)]


def _filters(parameters: UnetParameters) -> list[int]:
    levels = range(parameters.depth + 1)
    return [int(parameters.base_filters * parameters.filter_growth**level) for level in levels]


def _block(x: Any, filters: int, parameters: UnetParameters) -> Any:
    y = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    y = layers.BatchNormalization(momentum=parameters.momentum)(y)
    if parameters.dropout:
        y = layers.SpatialDropout2D(parameters.dropout)(y)
    y = layers.Conv2D(filters, 3, padding="same", activation="relu")(y)
    return layers.Concatenate()([x, layers.BatchNormalization(momentum=parameters.momentum)(y)])
