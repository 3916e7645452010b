"""A one-stage detector without anchors: an image → for each grid cell, the probability of a box centre, and the box.

    image → convolutions, each level half as many pixels → upsampled to the grid, with skip connections → heatmap, boxes
    image → encoder → feature pyramid: 1×1 convolutions of its levels, upsampled and added → heatmap, boxes

Sources: CenterNet (Zhou et al. 2019, arXiv 1904.07850) with TTFNet's boxes (Liu et al., AAAI 2020); feature pyramid:
Lin et al., CVPR 2017.
"""

import math
from typing import Any, NamedTuple

import keras
from keras import layers, ops

from pulmo.models.encoders import encode
from pulmo.models.segmenter import check_size, normalised

INITIAL_PROBABILITY = 0.1
"""The heatmap's value in every cell before training."""


class DetectorParameters(NamedTuple):
    """`base_filters` of the first of `depth` levels, doubled at each; batch normalisation's `momentum`; the grid's
    `stride` in pixels, a power of 2 up to 2^depth.

    With an `encoder`, one of `encoders.ENCODERS`, `depth` has no meaning, and every level of the pyramid has
    `base_filters`.
    """

    base_filters: int
    depth: int
    momentum: float
    stride: int = 8
    encoder: str | None = None


def detector(parameters: DetectorParameters, pixels: int, weights: list[Any] | None = None) -> Any:
    """Build the network.

    Args:
        parameters: its size.
        pixels: of a side of the images, a multiple of 2^depth, or of an encoder's 32.
        weights: the encoder's, see `encoders.encode`.

    Returns:
        A Keras model: {"image": uint8 (batch, pixels, pixels)} → {"heat": float32 (batch, rows, columns) of cells,
        0 to 1; "boxes": float32 (batch, rows, columns, 4), x0, y0, x1, y1 in pixels as edges, around the cell's centre
        and not clipped to the image}.

    Raises:
        ValueError: no such multiple, or weights of another encoder.
    """
    image = keras.Input((pixels, pixels), dtype="uint8", name="image")
    if parameters.encoder is None:
        x = _plain_features(parameters, image)
    else:
        x = _pyramid(parameters, encode(parameters.encoder, image, weights, int(math.log2(parameters.stride))))
    # In float32, because the loss is computed from it.
    bias = keras.initializers.Constant(-math.log(1 / INITIAL_PROBABILITY - 1))
    heat = layers.Conv2D(1, 1, activation="sigmoid", bias_initializer=bias, dtype="float32")(x)
    distances = layers.Conv2D(4, 1, activation="softplus", bias_initializer="ones", dtype="float32")(x)
    boxes = BoxesAround(parameters.stride, dtype="float32")(distances)
    return keras.Model({"image": image}, {"heat": ops.squeeze(heat, -1), "boxes": boxes}, name="detector")


def _plain_features(parameters: DetectorParameters, image: Any) -> Any:
    """Features on the grid by convolutions of the network's own."""
    pixels = image.shape[1]
    check_size(pixels, 2**parameters.depth)
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
    return _convolution(x, level_features.shape[-1], parameters)


def _pyramid(parameters: DetectorParameters, levels: list[Any]) -> Any:
    """Features on the grid from an encoder's `levels`, the finest first."""
    *finer, coarsest = levels
    x = _convolution(coarsest, parameters.base_filters, parameters, kernel=1)
    for level in reversed(finer):
        lateral = _convolution(level, parameters.base_filters, parameters, kernel=1)
        x = layers.Add()([layers.UpSampling2D()(x), lateral])
    return _convolution(x, parameters.base_filters, parameters)


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


def _convolution(
    x: Any, filters: int, parameters: DetectorParameters, kernel: int = 3, strides: int = 1, activated: bool = True
) -> Any:
    x = layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=parameters.momentum)(x)
    return layers.ReLU()(x) if activated else x
