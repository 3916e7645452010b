"""The lung segmenter without Keras."""

import numpy as np
import pytest

from pulmo.models.lung_network import PIXELS, STRIDE, LungNetwork

SHAPES = {
    "stem_a": (3, 1, 2),
    "stem_b": (3, 2, 3),
    "enc0": (3, 3, 3),
    "enc1a": (3, 3, 4),
    "enc1b": (3, 4, 4),
    "up0": (1, 4, 3),
    "dec0": (3, 3, 3),
    "head": (1, 3, STRIDE**2),
}
"""Of a network with one level below the first: pixels of the kernel, channels in, channels out."""


def zeros() -> dict[str, np.ndarray]:
    weights = {}
    for name, (side, channels, filters) in SHAPES.items():
        weights[f"{name}/kernel"] = np.zeros((side, side, channels, filters), np.float16)
        weights[f"{name}/bias"] = np.zeros(filters, np.float16)
    return weights


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (PIXELS, PIXELS)).astype(np.uint8)


def test_the_head_gives_the_pixels_of_each_feature_row_by_row(image: np.ndarray) -> None:
    weights = zeros()
    weights["head/bias"] = np.arange(STRIDE**2).astype(np.float16) - 8
    found = LungNetwork(weights)(image)
    expected = 1 / (1 + np.exp(8.0 - np.arange(16).reshape(4, 4)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.tile(expected, (PIXELS // 4, PIXELS // 4)), rtol=1e-6)


def test_a_feature_is_the_normalised_pixel_under_the_kernels(image: np.ndarray) -> None:
    """Kernels that pass one pixel on: at stride 2 Keras pads below and right, so that the middle is one pixel off."""
    weights = zeros()
    weights["stem_a/kernel"][1, 1, 0, 0] = weights["stem_b/kernel"][1, 1, 0, 0] = 1
    weights["enc0/kernel"][1, 1, 0, 0] = weights["dec0/kernel"][1, 1, 0, 0] = 1
    weights["head/kernel"][0, 0, 0, :] = 1
    grey = image / 255
    normalised = (grey - grey.mean()) / np.sqrt(grey.var() + 1e-5)
    expected = np.maximum(normalised[3::4, 3::4], 0)  # of the odd pixels the odd ones
    found = LungNetwork(weights)(image)
    np.testing.assert_allclose(found[::4, ::4], 1 / (1 + np.exp(-expected)), rtol=1e-5)


def test_a_lower_level_is_pooled_and_doubled(image: np.ndarray) -> None:
    weights = zeros()
    for name in ("stem_a", "stem_b", "enc0", "enc1a", "enc1b", "dec0"):
        weights[f"{name}/kernel"][1, 1, 0, 0] = 1
    weights["up0/kernel"][0, 0, 0, 0] = 1
    weights["head/kernel"][0, 0, 0, :] = 1
    grey = image / 255
    first = np.maximum((grey - grey.mean()) / np.sqrt(grey.var() + 1e-5), 0)[3::4, 3::4]
    pooled = first.reshape(24, 2, 24, 2).max(axis=(1, 3))
    expected = first + pooled.repeat(2, axis=0).repeat(2, axis=1)
    found = LungNetwork(weights)(image)
    np.testing.assert_allclose(found[::4, ::4], 1 / (1 + np.exp(-expected)), rtol=1e-5)


def test_an_image_of_one_grey_level_is_no_division_by_zero() -> None:
    found = LungNetwork(zeros())(np.full((PIXELS, PIXELS), 77, np.uint8))
    assert (found == 0.5).all()
