"""Which rows does an epoch go through? More of those that show something, at first; in the end as many as there are."""

from collections.abc import Callable

import numpy as np

Draw = Callable[[np.random.Generator, int], np.ndarray]
WATCHED = 48


def evenly(rows: np.ndarray) -> Draw:
    """A sampler, see `sequences.Sampler`: each of `rows` once an epoch."""
    return lambda rng, _: rng.permutation(rows)


def a_few(held_out: np.ndarray, learned: int) -> np.ndarray:
    """Some of the rows `held_out`, in order, to be watched after each epoch: at least WATCHED, if there are so many,
    and a tenth of the `learned` an epoch, so that watching costs a few hundredths of learning."""
    count = max(WATCHED, learned // 10)
    return np.sort(np.random.default_rng(0).permutation(held_out)[:count])


class PositiveShare:
    """A sampler of as many rows an epoch as there are, a share of them positive.

    A row comes twice only after all others of its kind have come.

    Args:
        rows: those to draw from, (n,) int.
        positive: whether each of them shows something, (n,) bool.
        first: the share in the first epoch.
        epochs: after so many it has gone, in equal steps, to the share that there is.
    """

    def __init__(self, rows: np.ndarray, positive: np.ndarray, first: float, epochs: int) -> None:
        self._positive, self._negative = rows[positive], rows[~positive]
        self._first, self._epochs = first, epochs

    def share(self, epoch: int) -> float:
        """The share of positive rows in an epoch; where there is only one kind, all or nothing."""
        there = len(self._positive) / (len(self._positive) + len(self._negative))
        if there in (0.0, 1.0):
            return there
        relaxed = min(1.0, epoch / max(1, self._epochs - 1))
        return self._first + relaxed * (there - self._first)

    def __call__(self, rng: np.random.Generator, epoch: int) -> np.ndarray:
        """Draw an epoch's rows."""
        count = len(self._positive) + len(self._negative)
        positive = round(self.share(epoch) * count)
        drawn = [_drawn(rng, self._positive, positive), _drawn(rng, self._negative, count - positive)]
        return rng.permutation(np.concatenate(drawn))


def _drawn(rng: np.random.Generator, rows: np.ndarray, count: int) -> np.ndarray:
    """All of them in a random order, again and again."""
    times = -(-count // max(1, len(rows)))
    drawn: np.ndarray = np.concatenate([rows[:0], *(rng.permutation(rows) for _ in range(times))])
    return drawn[:count]
