"""Training put aside and taken up again: all that the next epoch depends on, in one file, whole or not at all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Values = list[np.ndarray]


@dataclass
class Progress:
    """How far a training is.

    `averages` and `best` are values of the network's weights; `history` has a row of numbers an epoch that is done.
    """

    averages: Values
    best: Values
    best_score: float = float("inf")
    best_epoch: int = -1
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """The next epoch."""
        return len(self.history)


def values_of(variables: Sequence[Any]) -> Values:
    """Keras variables' values, copied to NumPy arrays."""
    return [np.array(variable.numpy()) for variable in variables]


def assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Put values into Keras variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def save_progress(path: Path, progress: Progress, variables: Sequence[Any]) -> None:
    """Write `progress` and the values of `variables` (weights, random states, optimizer)."""
    words = {
        "best_score": progress.best_score,
        "best_epoch": progress.best_epoch,
        "history": progress.history,
    }
    groups = {"variables": values_of(variables), "averages": progress.averages, "best": progress.best}
    arrays: dict[str, Any] = {
        f"{group}/{place}": value for group, values in groups.items() for place, value in enumerate(values)
    }
    started = path.with_name(path.name + ".started")
    with started.open("wb") as file:
        np.savez(file, words=np.array(json.dumps(words)), **arrays)
    started.replace(path)


def load_progress(path: Path, variables: Sequence[Any]) -> Progress:
    """Read what `save_progress` wrote, and put the values back into `variables`."""
    with np.load(path, allow_pickle=False) as file:
        words = json.loads(str(file["words"]))
        groups: dict[str, Values] = {"variables": [], "averages": [], "best": []}
        for name in file.files:
            if "/" in name:
                groups[name.partition("/")[0]].append(file[name])
    assign(variables, groups["variables"])
    return Progress(groups["averages"], groups["best"], **words)
