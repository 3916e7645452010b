"""The first layer of every network: stored numbers → values around zero, on the device that trains."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("pulmo")
class Normalise(keras.layers.Layer):
    """Values of any shape and type → linear from `low`…`high` to 0…1, clipped, less `mean`.

    Each of these is one number, or one for every channel, of which the last axis then has as many.

    A layer of the network, so that arrays stay small on disk (int16, uint8), cross to the device as they are, and a
    saved network takes stored values.
    """

    def __init__(
        self,
        low: float | Sequence[float],
        high: float | Sequence[float],
        mean: float | Sequence[float],
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self.low, self.high, self.mean = low, high, mean

    def call(self, values: Any) -> Any:
        """Normalise."""
        # In float32 first: half precision holds whole numbers only up to 2048.
        # Torch subtracts no NumPy array from a tensor on a GPU.
        low, high, mean = (
            ops.convert_to_tensor(_along_rows(value, values.shape)) for value in (self.low, self.high, self.mean)
        )
        scaled = (ops.cast(values, "float32") - low) / (high - low)
        return ops.cast(ops.clip(scaled, 0.0, 1.0) - mean, self.compute_dtype)

    def compute_output_spec(self, values: Any) -> Any:
        """The same shape, in the layer's own precision."""
        return keras.KerasTensor(values.shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments, for saving."""
        return {**super().get_config(), "low": self.low, "high": self.high, "mean": self.mean}


def _along_rows(value: float | Sequence[float], shape: Sequence[int | None]) -> np.ndarray:
    """One number as it is; one for every channel, repeated for each column: on a CPU, TensorFlow takes many times as
    long to repeat two numbers as a hundred."""
    array = np.asarray(value, np.float32)
    columns = shape[-2] if len(shape) > 2 else None
    return array if array.ndim == 0 or columns is None else np.tile(array, (columns, 1))
