"""A compact residual network for whole scans: a volume → scores of two classes.

    volume → normalised → 2×2 convolution, planes halved → residual blocks → mean and maximum → dropout → 2 scores

A residual block is (3×3 convolution within the slices, LeakyReLU, convolution of 3 across them) added to its input,
then LeakyReLU; where it has more filters than the block before, it halves every side, and its input follows by maxima
of 2×2×2 and a 1×1×1 convolution: of every second voxel, seven nodules in eight of a voxel's size would be lost. The
maximum over the scan responds to one nodule, which the mean alone would thin out; the mean counts them. Sources: He et
al., CVPR 2016; shortcuts that pool, He et al., CVPR 2019 (ResNet-D); factorised in two, Tran et al., CVPR 2018
(R(2+1)D), which has less than half of the weights of 3×3×3; without batch normalisation, as in Zhang et al., ICLR 2019
(Fixup), for batches of a few volumes give no steady statistics; maxima over a scan, as in the competition's best
solution, Liao et al., IEEE Trans Neural Netw Learn Syst 2019; 30: 3484.
"""

from typing import Any, NamedTuple

import keras
from keras import layers, ops

from pulmo.models.intensity_scale import IntensityScale
from pulmo.models.normalise import Normalise

CLASSES = 2
NEGATIVE_SLOPE = 0.1
LOCALISED = "localised"
"""The last layer with maps of the scan, for Grad-CAM."""


class ResNet3dParameters(NamedTuple):
    """`shape` (slices, rows, columns, channels) of a volume; `stem` filters of the first convolution, `filters` of each
    block; `dropout` before the scores."""

    shape: tuple[int, int, int, int]
    stem: int
    filters: tuple[int, ...]
    dropout: float


def resnet3d(parameters: ResNet3dParameters, scale: IntensityScale) -> Any:
    """Build the network.

    Returns:
        A Keras model: {"image": int16 (batch, slices, rows, columns, channels)} → float32 (batch, 2), the scores before
        a softmax: `loss` and `probability` take it.
    """
    image = keras.Input(parameters.shape, dtype="int16", name="image")
    x = Normalise(*scale)(image)
    x = _activated(_within_slices(x, parameters.stem, 2, 2))
    for number, filters in enumerate(parameters.filters, start=1):
        last = number == len(parameters.filters)
        x = _residual_block(x, filters, LOCALISED if last else None)
    x = layers.Concatenate()([layers.GlobalAveragePooling3D()(x), layers.GlobalMaxPooling3D()(x)])
    x = layers.Dropout(parameters.dropout)(x)
    # In float32, because this is what the loss is made of; from zero, so that it starts undecided.
    x = layers.Dense(CLASSES, kernel_initializer="zeros", dtype="float32")(x)
    return keras.Model({"image": image}, x, name="resnet3d")


def _residual_block(x: Any, filters: int, name: str | None) -> Any:
    stride = 2 if filters > x.shape[-1] else 1
    y = _activated(_within_slices(x, filters, 3, stride))
    y = _across_slices(y, filters, 3, stride)
    if stride > 1:
        x = _dense(layers.MaxPooling3D(stride, padding="same")(x), filters)
    return _activated(layers.Add()([y, x]), name)


def _within_slices(x: Any, filters: int, size: int, stride: int) -> Any:
    """A convolution of size × size in every slice."""
    _, slices, rows, columns, channels = x.shape
    planes = ops.reshape(x, (-1, rows, columns, channels))
    y = layers.Conv2D(filters, size, strides=stride, padding="same", kernel_initializer="he_normal")(planes)
    return ops.reshape(y, (-1, slices, *y.shape[1:]))


def _across_slices(x: Any, filters: int, size: int, stride: int) -> Any:
    """A convolution along the normal."""
    _, slices, rows, columns, channels = x.shape
    columns_of_slices = ops.reshape(x, (-1, slices, rows * columns, channels))
    # Zeros: each block starts as doing nothing, which is what makes depth trainable without normalisation.
    convolution = layers.Conv2D(filters, (size, 1), strides=(stride, 1), padding="same", kernel_initializer="zeros")
    y = convolution(columns_of_slices)
    return ops.reshape(y, (-1, y.shape[1], rows, columns, filters))


def _dense(x: Any, filters: int) -> Any:
    """A dense layer on every voxel; as one matrix, or TensorFlow multiplies row by row in the backward pass."""
    return ops.reshape(layers.Dense(filters)(ops.reshape(x, (-1, x.shape[-1]))), (-1, *x.shape[1:-1], filters))


def _activated(x: Any, name: str | None = None) -> Any:
    return layers.LeakyReLU(negative_slope=NEGATIVE_SLOPE, name=name)(x)
