"""Computes the lung segmenter with NumPy alone: an image's lungs without the seconds that importing TensorFlow takes.

The architecture is that of `lung_segmenter`, its batch normalisation folded into the convolutions.
"""

from collections.abc import Mapping
from itertools import count, takewhile

import numpy as np

PIXELS = 192
"""Side of the image that the network sees, and of the probabilities that it returns."""
STRIDE = 4
"""Features are computed at most at a quarter of the image's resolution: see `lung_segmenter`."""
EPSILON = 1e-5
"""Added to the variance of an image: one of a single grey level is not divided by 0."""

Weights = Mapping[str, np.ndarray]
"""`NAME/kernel`, (rows, columns, channels in, channels out), and `NAME/bias`, (channels out,), of each convolution."""


class LungNetwork:
    """The probability of lung of each pixel."""

    def __init__(self, weights: Weights) -> None:
        names = [name.removesuffix("/bias") for name in weights if name.endswith("/bias")]
        self._kernels = {name: _as_matrix(weights[f"{name}/kernel"]) for name in names}
        self._biases = {name: weights[f"{name}/bias"].astype(np.float32)[:, None] for name in names}
        self._depth = len(list(takewhile(lambda level: f"up{level}" in self._biases, count())))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 (PIXELS, PIXELS) → float32 (PIXELS, PIXELS), 0 to 1."""
        grey = image.astype(np.float32) / 255
        x = ((grey - grey.mean()) / np.sqrt(grey.var() + EPSILON))[None]
        x = self._conv("stem_b", self._conv("stem_a", x, stride=2), stride=2)
        x = self._conv("enc0", x)
        skips = []
        for level in range(1, self._depth + 1):
            skips.append(x)
            x = self._conv(f"enc{level}b", self._conv(f"enc{level}a", _max_pooled(x)))
        for level in reversed(range(self._depth)):
            x = _doubled(self._pointwise(f"up{level}", x)) + skips[level]
            x = self._conv(f"dec{level}", x)
        probability: np.ndarray = 1 / (1 + np.exp(-_as_pixels(self._pointwise("head", x))))
        return probability

    def _conv(self, name: str, x: np.ndarray, stride: int = 1) -> np.ndarray:
        """3×3 convolution and ReLU: (channels, rows, columns) → (filters, rows / stride, columns / stride).

        One matrix product over the nine shifted copies of the image. As Keras pads: at stride 2 below and right only.
        """
        channels, rows, columns = x.shape
        before = 1 if stride == 1 else 0
        padded = np.zeros((channels, rows + 2, columns + 2), np.float32)
        padded[:, before : before + rows, before : before + columns] = x
        shifted = np.empty((3, 3, channels, rows // stride, columns // stride), np.float32)
        for row in range(3):
            for column in range(3):
                shifted[row, column] = padded[:, row : row + rows : stride, column : column + columns : stride]
        y = self._kernels[name] @ shifted.reshape(9 * channels, -1)
        y += self._biases[name]
        features: np.ndarray = np.maximum(y, 0, out=y).reshape(-1, rows // stride, columns // stride)
        return features

    def _pointwise(self, name: str, x: np.ndarray) -> np.ndarray:
        """1×1 convolution: (channels, rows, columns) → (filters, rows, columns)."""
        y: np.ndarray = self._kernels[name] @ x.reshape(len(x), -1) + self._biases[name]
        return y.reshape(-1, *x.shape[1:])


def _as_matrix(kernel: np.ndarray) -> np.ndarray:
    """(rows, columns, channels, filters) → float32 (filters, rows · columns · channels)."""
    filters = kernel.shape[-1]
    return np.ascontiguousarray(kernel.reshape(-1, filters).T, np.float32)


def _max_pooled(x: np.ndarray) -> np.ndarray:
    """The maximum of each 2×2 pixels, (channels, rows, columns) → (channels, rows / 2, columns / 2)."""
    rows = np.maximum(x[:, ::2], x[:, 1::2])
    return np.maximum(rows[:, :, ::2], rows[:, :, 1::2])


def _as_pixels(x: np.ndarray) -> np.ndarray:
    """STRIDE² channels → STRIDE × STRIDE pixels: (STRIDE², rows, columns) → (STRIDE · rows, STRIDE · columns)."""
    _, rows, columns = x.shape
    return x.reshape(STRIDE, STRIDE, rows, columns).transpose(2, 0, 3, 1).reshape(STRIDE * rows, STRIDE * columns)


def _doubled(x: np.ndarray) -> np.ndarray:
    """Each pixel as 2×2 pixels."""
    return x.repeat(2, axis=1).repeat(2, axis=2)
