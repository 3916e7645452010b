"""Batches for training and prediction, gathered from arrays that may be far larger than memory."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

Sampler = Callable[[np.random.Generator, int], np.ndarray]
"""Random generator and epoch → the rows to go through, in that order; more or fewer than there are, or some twice."""


class Rows(NamedTuple):
    """Arrays whose first axis counts the same things; memory-mapped uint8 or int16 for images, never cast on the CPU.

    `target` is None where only predictions are wanted; `weight` (rows,) is None where all count alike.
    """

    inputs: Mapping[str, np.ndarray]
    target: np.ndarray | None = None
    weight: np.ndarray | None = None

    @property
    def length(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.inputs.values())))


class TrainingBatches(keras.utils.PyDataset):
    """Shuffled batches, all of one size, so that no step is compiled twice.

    What a batch holds follows from seed, epoch and its number alone, under any backend and with any number of workers.
    `start(epoch)` deals the rows; where they do not fill the last batch, the epoch's first rows do.
    """

    def __init__(
        self, rows: Rows, batch: int, seed: int, steps: int | None = None, sampler: Sampler | None = None, **more: Any
    ) -> None:
        """Without `sampler`, each row once an epoch; `steps` an epoch, by default as many as the rows fill."""
        super().__init__(**more)
        self._rows, self._batch, self._seed, self._steps = rows, batch, seed, steps
        self._sampler = sampler or (lambda rng, _: rng.permutation(rows.length))
        self.start(0)

    def start(self, epoch: int) -> None:
        """Deal the rows of an epoch."""
        rng = np.random.default_rng([self._seed, epoch])
        order = self._sampler(rng, epoch)
        if not len(order):
            raise ValueError("there is no row to learn from")
        steps = self._steps or math.ceil(len(order) / self._batch)
        while len(order) < steps * self._batch:
            order = np.concatenate([order, self._sampler(rng, epoch)])
        self._order = order[: steps * self._batch].reshape(steps, self._batch)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> tuple[dict[str, Any]]:
        return (gather(self._rows, self._order[number]),)


class OrderedBatches(keras.utils.PyDataset):
    """Every row, or every one of `which`, once and in order: for validation and prediction. The last batch may be
    smaller."""

    def __init__(self, rows: Rows, batch: int, which: np.ndarray | None = None, **more: Any) -> None:
        super().__init__(**more)
        self._rows, self._batch = rows, batch
        self._which = np.arange(rows.length) if which is None else which

    def __len__(self) -> int:
        return math.ceil(len(self._which) / self._batch)

    def __getitem__(self, number: int) -> tuple[dict[str, Any]]:
        return (gather(self._rows, self._which[number * self._batch : (number + 1) * self._batch]),)


def gather(rows: Rows, which: np.ndarray) -> dict[str, Any]:
    """A batch: `inputs` by name, and `target` and `weight` where there is something to learn."""
    inputs = {name: array[which] for name, array in rows.inputs.items()}
    if rows.target is None:
        return inputs
    weight = np.ones(len(which), np.float32) if rows.weight is None else rows.weight[which]
    return {"inputs": inputs, "target": rows.target[which], "weight": weight}
