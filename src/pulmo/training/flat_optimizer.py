"""An optimizer on all weights as one vector, for the CPU; see `device.on_cpu`.

Keras' optimizers update a network's weights one by one, with some forty small operations each; a small network has a
hundred weights, and more than half of the time to compile its step goes there. Concatenated to one vector, the weights
take these operations once. The numbers are the same but for rounding.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


class FlatOptimizer(keras.optimizers.Optimizer):
    """Wraps an optimizer, as Keras' `LossScaleOptimizer` does.

    Build it before its first step; every weight must have a gradient.
    """

    def __init__(self, inner: Any) -> None:
        super().__init__(learning_rate=0.0, name="flat_optimizer")
        self.inner = inner

    def build(self, variables: Sequence[Any]) -> None:
        """Make the vector and the optimizer's state."""
        self._ends = np.cumsum([math.prod(variable.shape) for variable in variables]).tolist()
        self._vector = self.add_variable((self._ends[-1],), name="vector")
        self.inner.build([self._vector])
        super().build(variables)

    @property
    def variables(self) -> list[Any]:
        """Its state, the wrapped optimizer's included."""
        return [*super().variables, *self.inner.variables]

    @property
    def learning_rate(self) -> Any:
        """The wrapped optimizer's."""
        return self.inner.learning_rate

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """One step: gradients of the variables it was built with, in their order; None counts as zero."""
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        self._vector.assign(_end_to_end(variables))
        # A weight that the loss does not depend on has no gradient: that of a presence head whose loss counts nothing.
        known = [ops.zeros_like(of) if grad is None else grad for of, grad in zip(variables, grads, strict=True)]
        self.inner.apply([_end_to_end(known)], [self._vector])
        parts = ops.split(self._vector, self._ends[:-1])
        for variable, part in zip(variables, parts, strict=True):
            variable.assign(ops.reshape(part, variable.shape))
        self.iterations.assign_add(1)


def _end_to_end(values: Sequence[Any]) -> Any:
    return ops.concatenate([ops.reshape(value, (-1,)) for value in values])
