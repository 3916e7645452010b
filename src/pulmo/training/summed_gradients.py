"""An optimizer for several devices under TensorFlow; see `device`.

Keras' optimizers clip the gradient of each device's part of a batch and then add these up: another step than that of
one device, which clips the gradient of the whole batch.
"""

from collections.abc import Sequence
from typing import Any

import keras

from pulmo.training.device import mean_over_devices


class SummedGradients(keras.optimizers.Optimizer):
    """Wraps an optimizer, as Keras' `LossScaleOptimizer` does: it is given the gradient of the whole batch.

    Every weight must have a gradient. The wrapped optimizer adds up the devices' gradients after it has clipped them,
    so it is given their mean and clips at the norm divided by the number of devices.
    """

    def __init__(self, inner: Any) -> None:
        super().__init__(learning_rate=0.0, name="summed_gradients")
        self.inner = inner

    def build(self, variables: Sequence[Any]) -> None:
        """Make the wrapped optimizer's state."""
        self.inner.build(variables)
        super().build(variables)

    @property
    def variables(self) -> list[Any]:
        """The wrapped optimizer's."""
        return list(self.inner.variables)

    @property
    def learning_rate(self) -> Any:
        """The wrapped optimizer's."""
        return self.inner.learning_rate

    @property
    def iterations(self) -> Any:
        """The wrapped optimizer's."""
        return self.inner.iterations

    def scale_loss(self, loss: Any) -> Any:
        """Scaled by the wrapped optimizer."""
        return self.inner.scale_loss(loss)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """One step: each device's share of the gradients of the variables it was built with, in their order."""
        self.inner.apply(mean_over_devices(list(grads)), trainable_variables)
