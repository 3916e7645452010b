"""A U-Net whose contracting path is an encoder, which may have been trained on photographs.

image → encoder, half as many pixels at each of 5 levels → expanding path: upsampled, joined to the encoder's features
of that size, two 3×3 convolutions → probabilities, interpolated to the image's size

The encoder's features, of up to a thousand channels, are first reduced to the expanding path's by 1×1 convolutions. The
presence head takes the last features of the path, of which there are few, and not the encoder's.
"""

from typing import Any, NamedTuple

import keras
from keras import layers

from pulmo.models.encoders import LEVELS, encode
from pulmo.models.segmenter import as_segmenter


class EncoderUnetParameters(NamedTuple):
    """`encoder`, one of `encoders.ENCODERS`; `filters` of each level of the expanding path, at most five; batch
    normalisation's `momentum` there; `presence_head`: the network also predicts whether there is anything; `dropout` of
    the encoder's channels."""

    encoder: str
    filters: tuple[int, ...]
    momentum: float
    presence_head: bool
    dropout: float = 0.0


def encoder_unet(parameters: EncoderUnetParameters, pixels: int, weights: list[Any] | None = None) -> Any:
    """Build the network for images of `pixels` a side, a multiple of 32.

    Args:
        parameters: its size.
        pixels: of a side.
        weights: the encoder's, see `encoders.encode`.

    Returns:
        A Keras model, see `segmenter`.

    Raises:
        ValueError: no such multiple, or weights of another encoder.
    """
    image = keras.Input((pixels, pixels), dtype="uint8", name="image")
    # The last upsampling of a path through all levels has nothing to be joined to.
    finest = max(1, LEVELS - len(parameters.filters))
    *skips, bottom = encode(parameters.encoder, image, weights, finest)
    x = _reduced(bottom, parameters.filters[0], parameters)
    for filters in parameters.filters:
        x = layers.UpSampling2D()(x)
        if skips:
            x = layers.Concatenate()([x, _reduced(skips.pop(), filters, parameters)])
        for _ in range(2):
            x = _convolution(x, filters, 3, parameters.momentum)
    return as_segmenter(f"{parameters.encoder}_unet", image, x, x if parameters.presence_head else None)


def _reduced(features: Any, filters: int, parameters: EncoderUnetParameters) -> Any:
    x = layers.SpatialDropout2D(parameters.dropout)(features) if parameters.dropout else features
    return _convolution(x, filters, 1, parameters.momentum)


def _convolution(x: Any, filters: int, kernel: int, momentum: float) -> Any:
    x = layers.Conv2D(filters, kernel, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=momentum)(x))
