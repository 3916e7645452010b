"""The lung segmenter in Keras."""

from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

from pulmo.models.lung_network import PIXELS, LungNetwork
from pulmo.models.lung_segmenter import fold_weights, lung_segmenter, lung_segmenter_from


@pytest.fixture(scope="module")
def trained() -> Any:
    """As if trained: batch normalisation does something."""
    keras.utils.set_random_seed(0)
    network, random = lung_segmenter(), np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            filters = layer.gamma.shape
            gamma, variance = random.uniform(0.5, 1.5, filters), random.uniform(0.5, 1.5, filters)
            layer.set_weights([gamma, random.normal(0, 0.2, filters), random.normal(0, 0.2, filters), variance])
    return network


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    noise = np.random.default_rng(1).integers(0, 256, (320, 320)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 12))


def test_its_parameters_are_fewer_than_fit_into_a_megabyte() -> None:
    # 3×3 convolutions: 72 + 1728 + 5184 + 10368 + 20736 + 34560 + 57600 + 69120 + 82944 + 57600 + 20736 + 5184; 1×1:
    # 96 · 80 + 80 + 80 · 48 + 48 + 48 · 24 + 24 + 24 · 16 + 16; biases of the 3×3: 8, 3 · 24, 3 · 48, 3 · 80, 2 · 96
    assert lung_segmenter(batch_normalization=False).count_params() == 379_712


def test_folded_and_without_keras_it_is_the_same(trained: Any, image: np.ndarray) -> None:
    small = cv2.resize(image, (PIXELS, PIXELS), interpolation=cv2.INTER_AREA)
    expected = np.asarray(trained({"image": small[None]}, training=False)["mask"])[0]
    found = LungNetwork(fold_weights(trained))(small)
    assert np.ptp(expected) > 0.3
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("pixels", [128, 320])
def test_images_of_another_size_are_scaled(pixels: int, trained: Any, image: np.ndarray, tmp_path: Path) -> None:
    weights = fold_weights(trained)
    lung_segmenter_from(weights, pixels).save(tmp_path / "lungs.keras")
    network = keras.saving.load_model(tmp_path / "lungs.keras")
    seen = cv2.resize(image, (pixels, pixels), interpolation=cv2.INTER_AREA)
    small = cv2.resize(seen, (PIXELS, PIXELS), interpolation=cv2.INTER_LINEAR)
    expected = cv2.resize(LungNetwork(weights)(small), (pixels, pixels), interpolation=cv2.INTER_LINEAR)
    found = np.asarray(network({"image": seen[None]})["mask"])[0]
    assert found.shape == (pixels, pixels)
    assert np.abs(found - expected).mean() < 0.002
