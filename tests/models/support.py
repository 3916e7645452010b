"""What the tests of several networks share."""

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np


def trainable(network: Any) -> int:
    return sum(math.prod(weight.shape) for weight in network.trainable_weights)


def predict(network: Any, images: np.ndarray) -> dict[str, np.ndarray]:
    outputs = network({"image": images}, training=False)
    return {name: np.asarray(keras.ops.convert_to_numpy(value)) for name, value in outputs.items()}


def saved_and_read(network: Any, folder: Path) -> Any:
    network.save(folder / "network.keras")
    return keras.models.load_model(folder / "network.keras", safe_mode=True)


def random_images(count: int, pixels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, pixels, pixels), np.uint8)
