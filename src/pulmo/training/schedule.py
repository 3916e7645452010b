"""How the learning rate goes: up from nothing, then down along a cosine."""

import math
from typing import Any

import keras
from keras import ops


class WarmUpThenCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from 0 to `peak` in the first `warm_up_steps` of `steps`, then half a cosine to 0.

    Keras' own schedule branches, and on a GPU would do so once a weight, for weight decay; this is the lesser of two
    curves.

    Source: Loshchilov and Hutter, ICLR 2017; the warm-up is that of Goyal et al. 2017 (arXiv 1706.02677).
    """

    def __init__(self, peak: float, steps: int, warm_up_steps: int) -> None:
        self._peak, self._steps, self._warm_up_steps = peak, steps, min(warm_up_steps, steps - 1)

    def __call__(self, step: Any) -> Any:
        """The rate at a step, counted from 0; a scalar."""
        step = ops.cast(step, "float32")
        share = ops.clip((step - self._warm_up_steps) / (self._steps - self._warm_up_steps), 0, 1)
        cosine = 0.5 * self._peak * (1 + ops.cos(math.pi * share))
        return ops.minimum(self._peak / self._warm_up_steps * step, cosine) if self._warm_up_steps else cosine

    def get_config(self) -> dict[str, Any]:
        """The arguments, by name."""
        return {"peak": self._peak, "steps": self._steps, "warm_up_steps": self._warm_up_steps}
