"""What is saved of a training: its state between epochs, trained networks, boosters and linear models.

All of it in files without pickle: NumPy's `.npz`, Keras' `.keras` (safe mode), LightGBM's text, JSON. Keras
and LightGBM are loaded only where a file of theirs is read.
"""

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pulmo.errors import Fault, UserError
from pulmo.models.quantile_gbm import QuantileGbm
from pulmo.models.quantiles import QUANTILES
from pulmo.models.robust_linear import LinearQuantiles, Standardisation

if TYPE_CHECKING:
    import lightgbm

T = TypeVar("T")
Values = list[np.ndarray]
"""Values of Keras variables, in their order."""

_BOOSTER_FILES = [f"q{round(100 * quantile)}.txt" for quantile in QUANTILES]


@dataclass
class Progress:
    """The state of a training between two epochs.

    `averages` and `best` are values of the network's weights; `history` has a row of numbers for each finished epoch.
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
    """Write `progress` and the values of `variables` (weights, random states, optimizer), whole or not at all."""
    numbers = {
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
        np.savez(file, numbers=np.array(json.dumps(numbers)), **arrays)
    started.replace(path)


def load_progress(path: Path, variables: Sequence[Any]) -> Progress:
    """Read what `save_progress` wrote, and put the values back into `variables`."""
    with np.load(path, allow_pickle=False) as file:
        numbers = json.loads(str(file["numbers"]))
        groups: dict[str, Values] = {"variables": [], "averages": [], "best": []}
        for name in file.files:
            if "/" in name:
                groups[name.partition("/")[0]].append(file[name])
    assign(variables, groups["variables"])
    return Progress(groups["averages"], groups["best"], **numbers)


class SavedNetworks:
    """One Keras model, which takes the weights of each file in turn: compiling takes longer than predicting.

    Args:
        files: `.keras`, all of one architecture.
        shape: of one image that the networks are to be applied to; checked unless None.

    Raises:
        UserError: a file is damaged or is no Keras model, or the networks are for images of another shape.
    """

    def __init__(self, files: Sequence[Path], shape: Sequence[int] | None = None) -> None:
        import keras

        # The layers of a saved network must be registered before it is read.
        import pulmo.models.detector
        import pulmo.models.normalise
        import pulmo.models.quantile_lines  # noqa: F401

        self.files = files
        self.network = _read(files[0], lambda file: keras.models.load_model(file, compile=False))
        image = next((tensor for tensor in self.network.inputs if tensor.name == "image"), self.network.inputs[0])
        if shape is not None and tuple(image.shape[1:]) != tuple(shape):
            what = f"is a network for images of {image.shape[1:]}, not of {tuple(shape)}"
            raise UserError(Fault(str(files[0]), what, "Use the networks and the ensemble.json of the same model"))

    def each(self) -> Iterator[Any]:
        """The model, with the weights of one file after the other."""
        for file in self.files:
            _read(file, self.network.load_weights)
            yield self.network


def _read(file: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(file)
    except (ValueError, OSError, KeyError, TypeError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        remedy = "Copy the whole of model/ again, or train"
        raise UserError(Fault(str(file), f"cannot be read as one of the model's networks ({reason})", remedy)) from None


def save_gbm(model: QuantileGbm, folder: Path) -> None:
    """Write the boosters into an existing folder, as `q20.txt`, `q50.txt` and `q80.txt`."""
    for name, booster in zip(_BOOSTER_FILES, model.boosters, strict=True):
        (folder / name).write_text(booster.model_to_string())


def load_gbm(folder: Path) -> QuantileGbm:
    """Read what `save_gbm` wrote. Raises ValueError where a file is damaged."""
    return QuantileGbm(tuple(_load_booster(folder / name) for name in _BOOSTER_FILES))


def _load_booster(path: Path) -> "lightgbm.Booster":
    import lightgbm

    try:
        return lightgbm.Booster(model_str=path.read_text())
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(f"{path}: {error}") from None


def save_linear(model: LinearQuantiles, path: Path) -> None:
    """Write a linear model as JSON, exact to the last bit."""
    values = {
        "standardisation": model.standardisation.as_lists(),
        "intercepts": model.intercepts.tolist(),
        "coefficients": model.coefficients.tolist(),
    }
    path.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n")


def load_linear(path: Path) -> LinearQuantiles:
    """Read what `save_linear` wrote."""
    values = json.loads(path.read_text())
    return LinearQuantiles(
        Standardisation.of_lists(values["standardisation"]),
        np.array(values["intercepts"]),
        np.array(values["coefficients"]),
    )
