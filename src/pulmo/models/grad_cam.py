"""Grad-CAM in three dimensions: the places in a scan that raise a network's logit.

Each map of the last convolutional layer is weighted by the mean gradient of the logit with respect to it; the result is
the positive part of their sum. Source: Selvaraju et al., ICCV 2017.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
from scipy import ndimage


class Halves(NamedTuple):
    """A network cut behind one of its layers: `maps` from the input to the layer, `head` from there to the logit,
    (batch,): score of class 1 less that of class 0."""

    maps: Any
    head: Any


def cut(network: Any, layer: str) -> Halves:
    """Cut a Keras model of two scores behind the layer of that name; the halves share its weights."""
    maps = network.get_layer(layer).output
    scores = network.outputs[0]
    return Halves(keras.Model(network.inputs[0], maps), keras.Model(maps, scores[:, 1] - scores[:, 0]))


def grad_cam(maps: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Maps and the logit's gradients with respect to them, (batch, slices, rows, columns, filters) each →
    activation for class 1, (batch, slices, rows, columns), not negative."""
    weights = gradients.mean(axis=(1, 2, 3), keepdims=True)
    return np.asarray(np.maximum((weights * maps).sum(axis=-1), 0))


def magnified(cam: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """(batch, slices, rows, columns) → (batch, *shape), linearly between the centres of the coarse voxels."""
    factors = (1.0, *(new / old for new, old in zip(shape, cam.shape[1:], strict=True)))
    return np.asarray(ndimage.zoom(cam, factors, order=1, mode="nearest", grid_mode=True))
