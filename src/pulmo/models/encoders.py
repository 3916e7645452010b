"""Encoders of grey images, with random or pretrained weights: networks of `keras.applications`, and EfficientNet-Lite.

image → three equal channels, scaled as the encoder expects → features at a half, a quarter … of the image's size
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import keras
from keras import layers

from pulmo.models.efficientnet_lite import SCALING, efficientnet_lite
from pulmo.models.normalise import Normalise
from pulmo.models.segmenter import BLACK, WHITE, check_size

ENCODER = "encoder"
"""Name of the encoder in every network that has one."""
LEVELS = 5
"""The last features are 2^LEVELS times smaller than the image."""

Channels = tuple[float, float, float]


class Encoder(NamedTuple):
    """The network without its top for images of so many pixels a side, with random weights; and the input that it
    expects: `scale` · (0…1) + `offset` by channel."""

    build: Callable[[int], Any]
    scale: Channels
    offset: Channels


def _application(function: Callable[..., Any]) -> Callable[[int], Any]:
    """A network of `keras.applications`; nothing is downloaded."""
    return lambda pixels: function(include_top=False, weights=None, input_shape=(pixels, pixels, 3))


def _standardised(mean: Channels, deviation: Channels) -> tuple[Channels, Channels]:
    red, green, blue = (1 / d for d in deviation)
    return (red, green, blue), (-mean[0] * red, -mean[1] * green, -mean[2] * blue)


_LITE_RANGE = _standardised((127 / 255,) * 3, (128 / 255,) * 3)
_APPLICATIONS = keras.applications
ENCODERS = {
    **{name: Encoder(partial(efficientnet_lite, name), *_LITE_RANGE) for name in SCALING},
    "mobilenet_v2": Encoder(_application(_APPLICATIONS.MobileNetV2), (2.0,) * 3, (-1.0,) * 3),
    "efficientnet_v2_b0": Encoder(_application(_APPLICATIONS.EfficientNetV2B0), (255.0,) * 3, (0.0,) * 3),
    "resnet50": Encoder(_application(_APPLICATIONS.ResNet50), (255.0,) * 3, (-103.939, -116.779, -123.68)),
    "densenet121": Encoder(
        _application(_APPLICATIONS.DenseNet121), *_standardised((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    ),
}
"""Scaled as `preprocess_input` of each has it, and as EfficientNet-Lite's authors trained it: (0…255 − 127) / 128."""


def backbone(name: str, pixels: int) -> Any:
    """An encoder's network: RGB float32 (batch, pixels, pixels, 3), scaled → features (batch, pixels / 32, pixels / 32,
    filters). Its weights are random.

    Args:
        name: one of ENCODERS.
        pixels: of a side of the image.
    """
    return ENCODERS[name].build(pixels)


def encode(name: str, image: Any, weights: list[Any] | None = None, finest: int = 1) -> list[Any]:
    """Features of an image at LEVELS levels, from half its size down to a 32nd, or at the coarser of them.

    In the network, those of the level 2^n are the output of its layer ENCODER_n, see `features_of`.

    Args:
        name: one of ENCODERS.
        image: a Keras input, uint8 (batch, pixels, pixels); `pixels` a multiple of 32.
        weights: the encoder's, see `training.pretrained.encoder_weights`; None: random ones.
        finest: the first level, 1 to LEVELS.

    Raises:
        ValueError: no such multiple, or weights of another encoder.
    """
    pixels = image.shape[1]
    check_size(pixels, 2**LEVELS)
    network = backbone(name, pixels)
    if weights is not None:
        network.set_weights(weights)
    x = layers.Reshape((pixels, pixels, 1))(Normalise(BLACK, WHITE, 0.0)(image))
    scale, offset = ENCODERS[name].scale, ENCODERS[name].offset
    x = layers.Rescaling(list(scale), list(offset))(layers.Concatenate()([x, x, x]))
    levels = range(finest, LEVELS + 1)
    encoder = keras.Model(network.input, [_last_of(network, pixels // 2**level) for level in levels], name=ENCODER)
    # Pretrained batch normalisation keeps its statistics: batches are small, and the weights fit to these.
    features = encoder(x) if weights is None else encoder(x, training=False)
    return [
        layers.Identity(name=f"{ENCODER}_{level}")(output)
        for level, output in zip(levels, features if isinstance(features, list) else [features], strict=True)
    ]


def features_of(network: Any) -> dict[str, Any]:
    """The features of a network's encoder that the rest of it uses, by the names of their layers; none where it has no
    encoder."""
    names = [f"{ENCODER}_{level}" for level in range(1, LEVELS + 1)]
    return {layer.name: layer.output for layer in network.layers if layer.name in names}


def _last_of(network: Any, side: int) -> Any:
    """The last features of so many pixels a side."""
    return next(layer.output for layer in reversed(network.layers) if layer.output.shape[1] == side)
