"""The small U-Net that outlines the lungs in frontal chest X-rays, in Keras: as it is trained, and as it is shipped.

    image → normalise → stem ─ enc0 ────────────────────── + ─ dec0 → 1×1 convolution, pixel shuffle, sigmoid
                                └ max pool, enc1 ────── + ─ dec1 ┘
                                             └ … ─ enc3 ┘

Each of these is a 3×3 convolution, batch normalisation and ReLU; enc1 to enc3 have two, and so has the stem, with
stride 2. On the way up: a 1×1 convolution, twice as many pixels, and the sum with the level's own features. An image is
normalised by its own mean and standard deviation. No features are finer than a quarter of the resolution, where other
U-Nets spend most of their time; the last convolution gives the 4 × 4 pixels of each of them.

Sources: Ronneberger et al., MICCAI 2015; sums: Lin et al., CVPR 2017; pixel shuffle: Shi et al., CVPR 2016.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from pulmo.models.lung_network import EPSILON, PIXELS, STRIDE, Weights
from pulmo.models.segmenter import normalised

STEM_FILTERS = 8
FILTERS = (24, 48, 80, 96)
"""Of each level, the finest first."""


def lung_segmenter(batch_normalization: bool = True) -> Any:
    """Build the network for images of PIXELS a side: a segmenter, see `models.segmenter`.

    `batch_normalization`: as it is trained; without, as it is shipped, 379,712 parameters.
    """
    image = keras.Input((PIXELS, PIXELS), dtype="uint8", name="image")

    def conv(name: str, x: Any, filters: int, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=not batch_normalization, name=name)(x)
        if batch_normalization:
            x = layers.BatchNormalization(momentum=0.98, name=_norm(name))(x)
        return layers.ReLU()(x)

    x = layers.GroupNormalization(1, epsilon=EPSILON, center=False, scale=False)(normalised(image))
    x = conv("stem_b", conv("stem_a", x, STEM_FILTERS, strides=2), FILTERS[0], strides=2)
    x = conv("enc0", x, FILTERS[0])
    skips = []
    for level, filters in enumerate(FILTERS[1:], start=1):
        skips.append(x)
        x = conv(f"enc{level}b", conv(f"enc{level}a", layers.MaxPooling2D()(x), filters), filters)
    for level, skip in reversed(list(enumerate(skips))):
        x = layers.UpSampling2D()(layers.Conv2D(FILTERS[level], 1, name=f"up{level}")(x))
        x = conv(f"dec{level}", layers.Add()([x, skip]), FILTERS[level])
    # In float32, because the loss is computed from it.
    x = layers.Conv2D(STRIDE**2, 1, activation="sigmoid", dtype="float32", name="head")(x)
    side = PIXELS // STRIDE
    x = layers.Permute((1, 3, 2, 4))(layers.Reshape((side, side, STRIDE, STRIDE))(x))
    return keras.Model({"image": image}, {"mask": layers.Reshape((PIXELS, PIXELS))(x)}, name="lung_segmenter")


def lung_segmenter_from(weights: Weights, pixels: int) -> Any:
    """The network with weights of `fold_weights`, for images of any `pixels` a side: a segmenter.

    Images are scaled to PIXELS a side and the mask back.
    """
    network = lung_segmenter(batch_normalization=False)
    for name, conv in _convolutions(network).items():
        conv.set_weights([weights[f"{name}/kernel"], weights[f"{name}/bias"]])
    image = keras.Input((pixels, pixels), dtype="uint8", name="image")
    seen = ops.cast(ops.round(_scaled(image, PIXELS)), "uint8")
    return keras.Model({"image": image}, {"mask": _scaled(network({"image": seen})["mask"], pixels)}, name="lungs")


def fold_weights(network: Any) -> dict[str, np.ndarray]:
    """The weights of a trained network, batch normalisation folded in; see `lung_network.Weights`."""
    weights: dict[str, np.ndarray] = {}
    for name, conv in _convolutions(network).items():
        kernel = np.asarray(conv.kernel)
        if conv.use_bias:
            bias = np.asarray(conv.bias)
        else:
            norm = network.get_layer(_norm(name))
            gain = np.asarray(norm.gamma) / np.sqrt(np.asarray(norm.moving_variance) + norm.epsilon)
            kernel, bias = kernel * gain, np.asarray(norm.beta) - gain * np.asarray(norm.moving_mean)
        weights |= {f"{name}/kernel": kernel, f"{name}/bias": bias}
    return weights


def _convolutions(network: Any) -> dict[str, Any]:
    """The convolutions by name."""
    return {layer.name: layer for layer in network.layers if isinstance(layer, layers.Conv2D)}


def _scaled(image: Any, pixels: int) -> Any:
    """(batch, rows, columns) → float32 (batch, pixels, pixels), bilinear."""
    with_channel = layers.Reshape((*image.shape[1:], 1), dtype="float32")(image)
    return ops.squeeze(layers.Resizing(pixels, pixels, dtype="float32")(with_channel), -1)


def _norm(convolution: str) -> str:
    return f"{convolution}_norm"
