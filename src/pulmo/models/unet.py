"""The pneumonia report's U-Net, and small ones of its kind: a picture → each pixel's probability.

    picture → block ───────────────────────────────────────────→ beside → block → 1×1 convolution, sigmoid
                └ max pool → block ─────────────────→ beside → block → up ┘
                               └ max pool → … → block → up ┘

A block is twice (3×3 convolution, ReLU, batch normalisation), with dropout of whole channels between, put beside its
own input. Up is twice as many pixels, then a 2×2 convolution. Source: Ronneberger et al., MICCAI 2015.
"""

from typing import Any, NamedTuple

import keras
from keras import layers

from pulmo.models.segmenter import as_segmenter, check_size, normalised


class UnetParameters(NamedTuple):
    """`start` filters of the first level, `rate` times as many at each of `depth` levels further down.

    `dropout` of channels; `momentum` of batch normalisation; `shrink`: how much smaller than the picture it computes (a
    strided convolution first, interpolation last); `head`: it also says whether there is anything at all.
    """

    start: int
    depth: int
    rate: float
    dropout: float
    momentum: float
    shrink: int
    head: bool


REPORT = UnetParameters(start=32, depth=4, rate=2.0, dropout=0.5, momentum=0.99, shrink=1, head=False)
"""As the report has it: 10,700,546 parameters, 10,694,658 of them trainable."""


def unet(parameters: UnetParameters, pixels: int) -> Any:
    """Build the network for pictures of `pixels` a side, a multiple of shrink · 2^depth.

    Returns:
        A Keras model, see `segmenter`.

    Raises:
        ValueError: no such multiple.
    """
    check_size(pixels, parameters.shrink * 2**parameters.depth)
    image = keras.Input((pixels, pixels), dtype="uint8", name="image")
    x = normalised(image)
    if parameters.shrink > 1:
        x = layers.Conv2D(
            parameters.start, parameters.shrink + 1, strides=parameters.shrink, padding="same", activation="relu"
        )(x)
    filters = [int(parameters.start * parameters.rate**level) for level in range(parameters.depth + 1)]
    beside = []
    for count in filters[:-1]:
        beside.append(_block(x, count, parameters))
        x = layers.MaxPooling2D()(beside[-1])
    bottom = x = _block(x, filters[-1], parameters)
    for count in reversed(filters[:-1]):
        x = layers.Conv2D(count, 2, padding="same", activation="relu")(layers.UpSampling2D()(x))
        x = _block(layers.Concatenate()([beside.pop(), x]), count, parameters)
    return as_segmenter("unet", image, x, bottom if parameters.head else None)


def _block(x: Any, filters: int, parameters: UnetParameters) -> Any:
    y = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    y = layers.BatchNormalization(momentum=parameters.momentum)(y)
    if parameters.dropout:
        y = layers.SpatialDropout2D(parameters.dropout)(y)
    y = layers.Conv2D(filters, 3, padding="same", activation="relu")(y)
    return layers.Concatenate()([x, layers.BatchNormalization(momentum=parameters.momentum)(y)])
