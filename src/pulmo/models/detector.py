"""A one-stage detector without anchors: an image → for each grid cell, the probability of a box centre, and the box.

    image → convolutions, each level half as many pixels → upsampled to the grid, with skip connections → heatmap, boxes

Source: CenterNet (Zhou et al. 2019, arXiv 1904.07850) with TTFNet's boxes (Liu et al., AAAI 2020).
"""

import math
from typing import Any, NamedTuple

import keras
from keras import layers, ops

from pulmo.models.segmenter import check_size, normalised

INITIAL_PROBABILITY = 0.1
"""The heatmap's value in every cell before training."""


class DetectorParameters(NamedTuple):
    """`base_filters` of the first of `depth` levels, doubled at each; batch normalisation's `momentum`; the grid's
    `stride` in pixels, a power of 2 up to 2^depth."""

    base_filters: int
    depth: int
    momentum: float
    stride: int = 8


def detector(parameters: DetectorParameters, pixels: int) -> Any:
    """Build the network for images of `pixels` a side, a multiple of 2^depth.

    Returns:
        A Keras model: {"image": uint8 (batch, pixels, pixels)} → {"heat": float32 (batch, rows, columns) of cells,
        0 to 1; "boxes": float32 (batch, rows, columns, 4), x0, y0, x1, y1 in pixels as edges, around the cell's centre
        and not clipped to the image}.

    Raises:
        ValueError: no such multiple.
    """
    check_size(pixels, 2**parameters.depth)
    image = keras.Input((pixels, pixels), dtype="uint8", name="image")
    x, levels = normalised(image), []
    for level in range(parameters.depth):
        filters = parameters.base_filters * 2**level
        x = _convolution(x, filters, parameters, strides=2)
        y = _convolution(_convolution(x, filters, parameters), filters, parameters, activated=False)
        x = layers.ReLU()(layers.Add()([x, y]))
        levels.append(x)
    while (level_features := levels.pop()).shape[1] * parameters.stride < pixels:
        finer = levels[-1]
        x = layers.Concatenate()([layers.UpSampling2D()(x), finer])
        x = _convolution(x, finer.shape[-1], parameters)
    x = _convolution(x, level_features.shape[-1], parameters)
    # In float32, because the loss is computed from it.
    bias = keras.initializers.Constant(-math.log(1 / INITIAL_PROBABILITY - 1))
    heat = layers.Conv2D(1, 1, activation="sigmoid", bias_initializer=bias, dtype="float32")(x)
    distances = layers.Conv2D(4, 1, activation="softplus", bias_initializer="ones", dtype="float32")(x)
    boxes = BoxesAround(parameters.stride, dtype="float32")(distances)
    return keras.Model({"image": image}, {"heat": ops.squeeze(heat, -1), "boxes": boxes}, name="detector")


@keras.saving.register_keras_serializable("pulmo")
class BoxesAround(keras.layers.Layer):
    """Distances left, up, right and down of the centre of each cell, in cells (batch, rows, columns, 4) → boxes."""

    def __init__(self, stride: int, **more: Any) -> None:
        super().__init__(**more)
        self.stride = stride

    def call(self, distances: Any) -> Any:
        """Edges in pixels: x0, y0, x1, y1."""
        rows, columns = distances.shape[1:3]
        y, x = ops.meshgrid(ops.arange(rows, dtype="float32"), ops.arange(columns, dtype="float32"), indexing="ij")
        left, up, right, down = (distances[..., side] for side in range(4))
        x, y = x + 0.5, y + 0.5
        return self.stride * ops.stack([x - left, y - up, x + right, y + down], -1)

    def get_config(self) -> dict[str, Any]:
        """The arguments, for saving."""
        return {**super().get_config(), "stride": self.stride}


def _convolution(x: Any, filters: int, parameters: DetectorParameters, strides: int = 1, activated: bool = True) -> Any:
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=parameters.momentum)(x)
    return layers.ReLU()(x) if activated else x
