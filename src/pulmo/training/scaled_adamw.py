"""AdamW with a learning rate of its own for some weights: those of a pretrained encoder move less than a new head.

Source: Loshchilov and Hutter, ICLR 2019; rates by depth: Howard and Ruder, ACL 2018.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


class ScaledAdamW(keras.optimizers.Adam):
    """AdamW whose learning rate is multiplied, variable by variable; weight decay follows that rate.

    Args:
        learning_rate: a number or schedule.
        weight_decay: a step, times the learning rate.
        factors: of each variable that it is built with, in their order: a number, or an array of the variable's shape.
        global_clipnorm: of the gradient of all variables.
    """

    def __init__(
        self, learning_rate: Any, weight_decay: float, factors: Sequence[Any], global_clipnorm: float | None = None
    ) -> None:
        super().__init__(learning_rate, global_clipnorm=global_clipnorm)
        self._decay, self._factors = weight_decay, factors

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One variable's step; Keras calls it."""
        factor = ops.convert_to_tensor(self._factors[self._get_variable_index(variable)], variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype) * factor
        self.assign_sub(variable, variable * self._decay * rate)
        super().update_step(gradient, variable, rate)
