"""A U-Net whose way down is a network of `keras.applications`, which may have learned from millions of photographs.

picture → three equal channels, scaled as the encoder is used to → encoder, half as many pixels at each of 5 levels
→ way back up: twice as many pixels, beside what the encoder had there, two 3×3 convolutions → probabilities
"""

from typing import Any, NamedTuple

import keras
from keras import layers

from pulmo.models.normalise import Normalise
from pulmo.models.segmenter import BLACK, WHITE, as_segmenter, check_size

LEVELS = 5


class Encoder(NamedTuple):
    """The function of `keras.applications`, and what it is used to: `scale` · (0…1) + `offset`, a channel each."""

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


class EncoderUnetParameters(NamedTuple):
    """`encoder`, one of ENCODERS; `filters` of each level of the way up, five; batch normalisation's `momentum` there;
    `head`: it also says whether there is anything at all."""

    encoder: str
    filters: tuple[int, ...]
    momentum: float
    head: bool


def encoder_of(name: str, pixels: int) -> Any:
    """An encoder with random weights, for pictures of `pixels` a side; nothing is downloaded."""
    function = getattr(keras.applications, ENCODERS[name].function)
    return function(include_top=False, weights=None, input_shape=(pixels, pixels, 3))


def encoder_unet(parameters: EncoderUnetParameters, pixels: int, weights: list[Any] | None = None) -> Any:
    """Build the network for pictures of `pixels` a side, a multiple of 32.

    Args:
        parameters: its size.
        pixels: a side.
        weights: the encoder's, see `training.pretrained`; None: random ones.

    Returns:
        A Keras model, see `segmenter`.

    Raises:
        ValueError: no such multiple, or weights of another encoder.
    """
    check_size(pixels, 2**LEVELS)
    encoder = encoder_of(parameters.encoder, pixels)
    if weights is not None:
        encoder.set_weights(weights)
    image = keras.Input((pixels, pixels), dtype="uint8", name="image")
    x = layers.Reshape((pixels, pixels, 1))(Normalise(BLACK, WHITE, 0.0)(image))
    scale, offset = ENCODERS[parameters.encoder][1:]
    x = layers.Rescaling(list(scale), list(offset))(layers.Concatenate()([x, x, x]))
    *beside, bottom = keras.Model(encoder.input, _levels(encoder, pixels), name="encoder")(x)
    x = bottom
    for filters in parameters.filters:
        x = layers.UpSampling2D()(x)
        if beside:
            x = layers.Concatenate()([x, beside.pop()])
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization(momentum=parameters.momentum)(x))
    return as_segmenter(f"{parameters.encoder}_unet", image, x, bottom if parameters.head else None)


def _levels(encoder: Any, pixels: int) -> list[Any]:
    """What the encoder has last at a half, a quarter, … of the picture's size."""
    return [
        next(layer.output for layer in reversed(encoder.layers) if layer.output.shape[1] == pixels // 2**level)
        for level in range(1, LEVELS + 1)
    ]
