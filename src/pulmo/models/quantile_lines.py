"""Quantiles of a change that grow linearly with time: a network's prediction for a patient, once for all weeks.

A line has two parts: what is uncertain at once (a first measurement that was too high falls back), around no change,
and the change in a unit of time. Each has its own three QUANTILES, which never cross; so neither do their sums later.
"""

from typing import Any

import keras
from keras import ops

from pulmo.models.quantiles import QUANTILES

LINE_NUMBERS = 5


@keras.saving.register_keras_serializable("pulmo")
class OrderedLines(keras.layers.Layer):
    """Any numbers (batch, 5) → lines (batch, 2, 3): at once and per unit of time, each part in rising order.

    The first number is the median change in a unit of time; the softplus of the others, which is positive, tells how
    far below and above lie the outer quantiles at once, and then those per unit of time.
    """

    def call(self, numbers: Any) -> Any:
        """Put them in order."""
        median, distances = numbers[:, 0], ops.softplus(numbers[:, 1:])
        at_once = [-distances[:, 0], ops.zeros_like(median), distances[:, 1]]
        per_time = [median - distances[:, 2], median, median + distances[:, 3]]
        return ops.stack([ops.stack(at_once, -1), ops.stack(per_time, -1)], 1)

    def compute_output_spec(self, numbers: Any) -> Any:
        """(batch, 2, 3)."""
        return keras.KerasTensor((numbers.shape[0], 2, len(QUANTILES)), self.compute_dtype)


@keras.saving.register_keras_serializable("pulmo")
class LinePinball(keras.losses.Loss):
    """Pinball loss of lines at the times at which a change was measured.

    The truth is (batch, times, 3): time since the start (not negative), change, and weight, which is 0 where a row
    only fills up the array. Each example's loss is the weighted sum over its times of the mean over the quantiles.
    Source: Koenker and Bassett, Econometrica 1978; 46: 33.
    """

    def __init__(self, name: str = "line_pinball", **more: Any) -> None:
        super().__init__(name=name, **more)

    def call(self, truth: Any, lines: Any) -> Any:
        """Truth (batch, times, 3), lines (batch, 2, 3) → (batch,)."""
        time, change, weight = (truth[:, :, part] for part in range(3))
        return ops.sum(weight * ops.mean(pinball(change[..., None], at_times(lines, time)), axis=-1), axis=-1)


def at_times(lines: Any, time: Any) -> Any:
    """Lines (batch, 2, 3) at times (batch, times) → quantiles of the change (batch, times, 3)."""
    return lines[:, None, 0, :] + time[:, :, None] * lines[:, None, 1, :]


def pinball(truth: Any, quantiles: Any) -> Any:
    """Pinball loss of QUANTILES (…, 3) for a truth (…, 1) → (…, 3): what is missed below costs q, above 1 − q."""
    missed = truth - quantiles
    levels = ops.convert_to_tensor(QUANTILES, dtype=missed.dtype)
    return ops.maximum(levels * missed, (levels - 1) * missed)
