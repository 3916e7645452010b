"""The pneumonia report's residual network that segments boxes painted as masks, and its variants.

    image → 3×3 convolution → levels (down, then residual blocks) → head → probabilities, repeated to full size

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
    """`base_filters` of the first convolution, doubled at each of `depth` levels of `residual_blocks`; batch
    normalisation's `momentum`; LeakyReLU's `negative_slope`.

    With `upsampling_head`, the last level is upsampled fourfold by a transposed convolution before probabilities are
    computed; without, they are computed from the last level itself (the report's "short head").
    """

    base_filters: int
    depth: int
    residual_blocks: int
    momentum: float
    negative_slope: float
    upsampling_head: bool


REPORT = ResnetSegmenterParameters(
    base_filters=32, depth=4, residual_blocks=2, momentum=0.9, negative_slope=0.0, upsampling_head=True
)
"""The report's base: 14,957,729 parameters, 14,947,297 of them trainable. Its variants: this; without the upsampling
head; this with batches of 32; `depth=3`."""


def resnet_segmenter(parameters: ResnetSegmenterParameters, pixels: int) -> Any:
    """Build the network for images of `pixels` a side, a multiple of 2^depth.

    Returns:
        A Keras model without a presence head, see `segmenter`.

    Raises:
        ValueError: no such multiple.
    """
    check_size(pixels, 2**parameters.depth)
    image = keras.Input((pixels, pixels), dtype="uint8", name="image")
    filters = parameters.base_filters
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(normalised(image))
    for _ in range(parameters.depth):
        filters *= 2
        x = layers.Conv2D(filters, 1, use_bias=False)(_activated(x, parameters))
        x = layers.MaxPooling2D()(x)
        for _ in range(parameters.residual_blocks):
            y = x
            for _ in range(2):
                y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(_activated(y, parameters))
            x = layers.Add()([x, y])
    x = _upsampling_head(x, parameters) if parameters.upsampling_head else _short_head(x, parameters)
    # In float32, because the loss is computed from it.
    x = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32")(x)
    mask = upsampled(x, pixels // x.shape[1], "nearest")
    return keras.Model({"image": image}, {"mask": mask}, name="resnet_segmenter")


def _upsampling_head(x: Any, parameters: ResnetSegmenterParameters) -> Any:
    x = layers.Conv2D(HEAD_FILTERS, 1)(_activated(x, parameters))
    x = layers.Conv2DTranspose(UP_FILTERS, UP_SIZE, strides=UP_STRIDE, padding="same")(_activated(x, parameters))
    return _activated(x, parameters)


def _short_head(x: Any, parameters: ResnetSegmenterParameters) -> Any:
    return _activated(x, parameters._replace(momentum=SHORT_HEAD_MOMENTUM))


def _activated(x: Any, parameters: ResnetSegmenterParameters) -> Any:
    x = layers.BatchNormalization(momentum=parameters.momentum)(x)
    return layers.LeakyReLU(negative_slope=parameters.negative_slope)(x)
