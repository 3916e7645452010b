"""Batches for training, evaluation and prediction, gathered from arrays that may be larger than memory; samplers."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

Sampler = Callable[[np.random.Generator, int], np.ndarray]
"""Random generator and epoch → row numbers of that epoch, in order; of any length, and rows may repeat."""

MIN_MONITORED = 48


class Rows(NamedTuple):
    """Arrays with one first axis, the rows; images stay memory-mapped uint8 or int16, and the device casts them.

    `target` is None for prediction; `weight` (rows,) is None where all rows count alike.
    """

    inputs: Mapping[str, np.ndarray]
    target: np.ndarray | None = None
    weight: np.ndarray | None = None

    @property
    def length(self) -> int:
        """The number of rows."""
        return len(next(iter(self.inputs.values())))


class TrainingBatches(keras.utils.PyDataset):
    """Shuffled batches of one size, so that no step is compiled twice.

    The content of a batch follows from seed, epoch and batch number alone, under any backend and number of workers.
    `start(epoch)` draws the rows; where they do not fill the last batch, more are drawn.
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
        """Draw the rows of an epoch."""
        rng = np.random.default_rng([self._seed, epoch])
        order = self._sampler(rng, epoch)
        if not len(order):
            raise ValueError("there is no row to train on")
        steps = self._steps or math.ceil(len(order) / self._batch)
        while len(order) < steps * self._batch:
            order = np.concatenate([order, self._sampler(rng, epoch)])
        self._order = order[: steps * self._batch].reshape(steps, self._batch)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> tuple[dict[str, Any]]:
        return (gather(self._rows, self._order[number]),)


class OrderedBatches(keras.utils.PyDataset):
    """Every row, or every one of `which`, once and in order, for evaluation and prediction. The last batch may be
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
    """A batch: the inputs by name where there is no target; else `inputs`, `target` and `weight`."""
    inputs = {name: array[which] for name, array in rows.inputs.items()}
    if rows.target is None:
        return inputs
    weight = np.ones(len(which), np.float32) if rows.weight is None else rows.weight[which]
    return {"inputs": inputs, "target": rows.target[which], "weight": weight}


def shuffled(rows: np.ndarray) -> Sampler:
    """A sampler: each of `rows` once an epoch."""
    return lambda rng, _: rng.permutation(rows)


def monitored_subset(held_out: np.ndarray, trained_on: int) -> np.ndarray:
    """Some of the rows `held_out`, in order, whose loss is monitored after each epoch: at least MIN_MONITORED, or all,
    and a tenth of the rows `trained_on` an epoch, so that monitoring costs a few hundredths of training."""
    count = max(MIN_MONITORED, trained_on // 10)
    return np.sort(np.random.default_rng(0).permutation(held_out)[:count])


class PositiveShare:
    """A sampler of as many rows an epoch as there are, of which a scheduled share is positive.

    A row repeats only after all others of its class have come.

    Args:
        rows: the row numbers to draw from, (n,) int.
        positive: whether each of them is positive, (n,) bool.
        first: the positive share in the first epoch.
        epochs: over so many the share goes, in equal steps, to the natural one.
    """

    def __init__(self, rows: np.ndarray, positive: np.ndarray, first: float, epochs: int) -> None:
        self._positive, self._negative = rows[positive], rows[~positive]
        self._first, self._epochs = first, epochs

    def share(self, epoch: int) -> float:
        """The share of positive rows in an epoch; with only one class, 0 or 1."""
        natural = len(self._positive) / (len(self._positive) + len(self._negative))
        if natural in (0.0, 1.0):
            return natural
        relaxed = min(1.0, epoch / max(1, self._epochs - 1))
        return self._first + relaxed * (natural - self._first)

    def __call__(self, rng: np.random.Generator, epoch: int) -> np.ndarray:
        """Draw an epoch's rows."""
        count = len(self._positive) + len(self._negative)
        positive = round(self.share(epoch) * count)
        drawn = [_draw(rng, self._positive, positive), _draw(rng, self._negative, count - positive)]
        return rng.permutation(np.concatenate(drawn))


def _draw(rng: np.random.Generator, rows: np.ndarray, count: int) -> np.ndarray:
    """`count` rows: whole random permutations, one after the other, cut off at the end."""
    times = -(-count // max(1, len(rows)))
    drawn: np.ndarray = np.concatenate([rows[:0], *(rng.permutation(rows) for _ in range(times))])
    return drawn[:count]
