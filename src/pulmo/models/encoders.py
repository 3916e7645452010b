"""Networks of `keras.applications` as encoders of grey images, with random or pretrained weights.

image → three equal channels, scaled as the encoder expects → features at a half, a quarter … of the image's size
"""

from typing import Any, NamedTuple

import keras
from keras import layers

from pulmo.models.normalise import Normalise
from pulmo.models.segmenter import BLACK, WHITE, check_size

ENCODER = "encoder"
"""Name of the encoder in every network that has one."""
LEVELS = 5
"""The last features are 2^LEVELS times smaller than the image."""


class Encoder(NamedTuple):
    """The function of `keras.applications`, and the input that it expects: `scale` · (0…1) + `offset` by channel."""

    function: str
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]


def _standardised(mean: tuple[float, ...], deviation: tuple[float, ...]) -> Any:
    scale = tuple(1 / d for d in deviation)
    return scale, tuple(-m * s for m, s in zip(mean, scale, strict=True))


ENCODERS = {
    "mobilenet_v2": Encoder("MobileNetV2", (2.0,) * 3, (-1.0,) * 3),
    "efficientnet_v2_b0": Encoder("EfficientNetV2B0", (255.0,) * 3, (0.0,) * 3),
    "resnet50": Encoder("ResNet50", (255.0,) * 3, (-103.939, -116.779, -123.68)),
    "densenet121": Encoder("DenseNet121", *_standardised((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
}
"""As `preprocess_input` of each has it."""


def application(name: str, pixels: int) -> Any:
    """The network of `keras.applications` without its top, with random weights; nothing is downloaded.

    Args:
        name: one of ENCODERS.
        pixels: of a side of the image.
    """
    function = getattr(keras.applications, ENCODERS[name].function)
    return function(include_top=False, weights=None, input_shape=(pixels, pixels, 3))


def encode(name: str, image: Any, weights: list[Any] | None = None) -> list[Any]:
    """Features of an image at each of LEVELS levels, from half its size down to a 32nd.

    Args:
        name: one of ENCODERS.
        image: a Keras input, uint8 (batch, pixels, pixels); `pixels` a multiple of 32.
        weights: the encoder's, see `training.checkpoints.encoder_weights`; None: random ones.

    Raises:
        ValueError: no such multiple, or weights of another encoder.
    """
    pixels = image.shape[1]
    check_size(pixels, 2**LEVELS)
    network = application(name, pixels)
    if weights is not None:
        network.set_weights(weights)
    x = layers.Reshape((pixels, pixels, 1))(Normalise(BLACK, WHITE, 0.0)(image))
    scale, offset = ENCODERS[name][1:]
    x = layers.Rescaling(list(scale), list(offset))(layers.Concatenate()([x, x, x]))
    encoder = keras.Model(network.input, _levels(network, pixels), name=ENCODER)
    # Pretrained batch normalisation keeps its statistics: batches are small, and the weights fit to these.
    features: list[Any] = encoder(x) if weights is None else encoder(x, training=False)
    return features


def _levels(network: Any, pixels: int) -> list[Any]:
    """The last features at a half, a quarter, … of the image's size."""
    return [
        next(layer.output for layer in reversed(network.layers) if layer.output.shape[1] == pixels // 2**level)
        for level in range(1, LEVELS + 1)
    ]
