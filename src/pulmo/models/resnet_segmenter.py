"""The pneumonia report's residual network that outlines boxes as if they were shapes, and its tries.

    picture → 3×3 convolution → levels (down, then residual blocks) → head → probabilities, repeated to full size

Down is batch normalisation, LeakyReLU, 1×1 convolution to twice the filters, max pool. A residual block is twice (batch
normalisation, LeakyReLU, 3×3 convolution), added to its input. Source: He et al., ECCV 2016 (arXiv 1603.05027).
"""

from typing import Any, NamedTuple

import keras
from keras import layers

from pulmo.models.segmenter import check_size, normalised, upsampled

HEAD_FILTERS, UP_FILTERS, UP_SIZE, UP_STRIDE = 256, 128, 8, 4
SHORT_HEAD_MOMENTUM = 0.9999


class ResnetSegmenterParameters(NamedTuple):
    """`start` filters of the first convolution, doubled at each of `depth` levels of `blocks`; batch normalisation's
    `momentum`; LeakyReLU's `negative_slope`.

    With a `short_head`, probabilities are read off the last level; else it is first brought to a quarter of the
    picture's size by a transposed convolution.
    """

    start: int
    depth: int
    blocks: int
    momentum: float
    negative_slope: float
    short_head: bool


REPORT = ResnetSegmenterParameters(start=32, depth=4, blocks=2, momentum=0.9, negative_slope=0.0, short_head=False)
"""The report's base: 14,957,729 parameters, 14,947,297 of them trainable. Its tries: this; `short_head=True`; this with
batches of 32; `depth=3`."""


def resnet_segmenter(parameters: ResnetSegmenterParameters, pixels: int) -> Any:
    """Build the network for pictures of `pixels` a side, a multiple of 2^depth.

    Returns:
        A Keras model without a head, see `segmenter`.

    Raises:
        ValueError: no such multiple.
    """
    check_size(pixels, 2**parameters.depth)
    image = keras.Input((pixels, pixels), dtype="uint8", name="image")
    filters = parameters.start
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(normalised(image))
    for _ in range(parameters.depth):
        filters *= 2
        x = layers.Conv2D(filters, 1, use_bias=False)(_activated(x, parameters))
        x = layers.MaxPooling2D()(x)
        for _ in range(parameters.blocks):
            y = x
            for _ in range(2):
                y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(_activated(y, parameters))
            x = layers.Add()([x, y])
    x = _short_head(x, parameters) if parameters.short_head else _head(x, parameters)
    # In float32, because this is what the loss is made of.
    x = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32")(x)
    mask = upsampled(x, pixels // x.shape[1], "nearest")
    return keras.Model({"image": image}, {"mask": mask}, name="resnet_segmenter")


def _head(x: Any, parameters: ResnetSegmenterParameters) -> Any:
    x = layers.Conv2D(HEAD_FILTERS, 1)(_activated(x, parameters))
    x = layers.Conv2DTranspose(UP_FILTERS, UP_SIZE, strides=UP_STRIDE, padding="same")(_activated(x, parameters))
    return _activated(x, parameters)


def _short_head(x: Any, parameters: ResnetSegmenterParameters) -> Any:
    return _activated(x, parameters._replace(momentum=SHORT_HEAD_MOMENTUM))


def _activated(x: Any, parameters: ResnetSegmenterParameters) -> Any:
    x = layers.BatchNormalization(momentum=parameters.momentum)(x)
    return layers.LeakyReLU(negative_slope=parameters.negative_slope)(x)
