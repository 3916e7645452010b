"""The number of weights of a network, and the layer that holds most of them."""

import math
from typing import Any


def describe_parameters(network: Any) -> str:
    """The count of a Keras model's weights, and the layer that holds most."""
    total = network.count_params()
    largest = max(network.layers, key=lambda layer: layer.count_params())
    kernel = max((tuple(weight.shape) for weight in largest.weights), key=math.prod)
    shape = " × ".join(f"{side:,}" for side in kernel)
    return f"{total:,} weights, {largest.count_params() / total:.1%} of them in one layer ({shape} and biases)"
