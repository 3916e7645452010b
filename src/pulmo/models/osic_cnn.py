"""The OSIC report's mixed-input network: slices of the lungs and a few numbers of the patient → quantile lines.

    slice    → normalised → 5×5 convolution, stride 2 → residual blocks → average over the lungs ─┐
    numbers  → dense ─────────────────────────────────────────────────────────────────────────────┴→ dense → 5 numbers

A residual block is (3×3 convolution, LeakyReLU, 3×3 convolution) added to its input, then LeakyReLU. It halves the
image where it has more filters than the block before; then a 1×1 convolution brings its input to the same shape.
Source: He et al., CVPR 2016; without batch normalisation, as in Zhang et al., ICLR 2019 (Fixup): density itself is the
signal, and a few dozen patients give no stable statistics.
"""

from typing import Any, NamedTuple

import keras
from keras import layers, ops

from pulmo.models.normalise import Normalise
from pulmo.models.quantile_lines import LINE_NUMBERS, OrderedLines

NEGATIVE_SLOPE = 0.1
CONTRAST = 8.0
"""Between healthy and ill, lungs differ by about a tenth of the normalised range."""

MIN_LUNG_SHARE = 1e-3
"""Avoids a division by zero, where augmentation moved the lungs out of the image."""


class OsicCnnParameters(NamedTuple):
    """`pixels` a side of a slice; `stem` filters of the first convolution; `filters` of each residual block;
    `dense` units where image and numbers meet; `dropout` before them; `start`, the median change in a unit of time
    that is predicted for every patient before training."""

    pixels: int
    stem: int
    filters: tuple[int, ...]
    dense: int
    dropout: float
    start: float


class Scale(NamedTuple):
    """The scale of stored pixel values: `low`…`high` become 0…1, less `mean`."""

    low: float
    high: float
    mean: float


def osic_cnn(parameters: OsicCnnParameters, numbers: int, scale: Scale) -> Any:
    """Build the network.

    Args:
        parameters: its size.
        numbers: how many numbers describe a patient.
        scale: of the pixels.

    Returns:
        A Keras model: {"image": int16 (batch, pixels, pixels), "numbers": float32 (batch, numbers)} → lines, float32
        (batch, 2, 3); see `quantile_lines`.
    """
    image = keras.Input((parameters.pixels, parameters.pixels), dtype="int16", name="image")
    described = keras.Input((numbers,), dtype="float32", name="numbers")
    x = Normalise(*scale)(image)
    x = layers.Reshape((parameters.pixels, parameters.pixels, 1))(layers.Rescaling(CONTRAST)(x))
    x = _activated(_convolution(parameters.stem, 5, strides=2)(x))
    for filters in parameters.filters:
        x = _residual_block(x, filters)
    x, lung_share = _lung_average(x, image, scale.low)
    known = _activated(layers.Dense(parameters.dense)(described))
    x = layers.Dropout(parameters.dropout)(layers.Concatenate()([x, lung_share, known]))
    x = _activated(layers.Dense(parameters.dense)(x))
    # In float32, because the loss is computed from it.
    x = layers.Dense(LINE_NUMBERS, kernel_initializer="zeros", bias_initializer=_start(parameters), dtype="float32")(x)
    return keras.Model({"image": image, "numbers": described}, OrderedLines(dtype="float32")(x), name="osic_cnn")


def _lung_average(x: Any, image: Any, air_hu: float) -> tuple[Any, Any]:
    """Global average pooling over the lungs alone, (batch, filters), and their share of the image, (batch, 1).

    Most of an image is not lung; averaged over all of it, small lungs would look like healthy ones.
    """
    lungs = layers.Reshape((*image.shape[1:], 1))(ops.cast(image > air_hu, "float32"))
    pixels = image.shape[1] // x.shape[1]
    lungs = layers.AveragePooling2D(pixels, padding="same", dtype="float32")(lungs)
    share = layers.GlobalAveragePooling2D(dtype="float32")(lungs)
    return layers.GlobalAveragePooling2D(dtype="float32")(x * lungs) / (share + MIN_LUNG_SHARE), share


def _start(parameters: OsicCnnParameters) -> Any:
    return keras.initializers.Constant([parameters.start] + [0.0] * (LINE_NUMBERS - 1))


def _residual_block(x: Any, filters: int) -> Any:
    shrinks = filters > x.shape[-1]
    y = _activated(_convolution(filters, 3, strides=2 if shrinks else 1)(x))
    # Zeros: each block starts as doing nothing, which is what makes depth trainable without normalisation.
    y = _convolution(filters, 3, kernel_initializer="zeros")(y)
    if shrinks:
        x = _convolution(filters, 1, strides=2)(x)
    return _activated(layers.Add()([y, x]))


def _convolution(filters: int, size: int, kernel_initializer: str = "he_normal", strides: int = 1) -> Any:
    return layers.Conv2D(filters, size, strides=strides, padding="same", kernel_initializer=kernel_initializer)


def _activated(x: Any) -> Any:
    return layers.LeakyReLU(negative_slope=NEGATIVE_SLOPE)(x)
