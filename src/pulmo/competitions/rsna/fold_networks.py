"""Networks of one family, trained fold by fold on the X-rays of `features`, and asked about those held out."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.features import picture_scale
from pulmo.competitions.rsna.settings import TrainingSettings
from pulmo.pipeline.stage import Stage, load, save
from pulmo.training.picture_settings import SegmenterSettings

if TYPE_CHECKING:
    from pulmo.training.image_trainer import ImageTrainer
    from pulmo.training.masks import MaskPredictor

NETWORK = "network.keras"
Ask = Callable[[np.ndarray, Path], None]
"""Numbers of the pictures held out, and a folder → what the network says of them is saved there."""


class XRays(NamedTuple):
    """The stage `features`, as networks learn from it.

    Attributes:
        patients: a row a picture; see `features`.
        images: uint8 (patients, pixels, pixels), memory-mapped.
        readable: (patients,) bool; the others are black, and nothing is learned from them.
        fold: (patients,) int64.
    """

    patients: pd.DataFrame
    images: np.ndarray
    readable: np.ndarray
    fold: np.ndarray

    @property
    def pixels(self) -> int:
        """A side."""
        return int(self.images.shape[1])

    @property
    def positive(self) -> np.ndarray:
        """Which show pneumonia, (patients,) bool."""
        return (self.patients["boxes"] > 0).to_numpy()

    @property
    def learned_from(self) -> int:
        """By how many a network learns that leaves a fold out."""
        folds = int(self.fold.max()) + 1
        return int(self.readable.sum()) * (folds - 1) // folds

    @property
    def scale(self) -> np.ndarray:
        """See `picture_scale`."""
        return picture_scale(self.patients, self.pixels)


def read_x_rays(stage: Stage) -> XRays:
    """What the stage `features` left."""
    patients = stage.read("features/patients")
    fold = patients["fold"].to_numpy(np.int64)
    return XRays(patients, stage.read("features/images"), patients["error"].isna().to_numpy(), fold)


@contextmanager
def mask_networks(
    stage: Stage, settings: SegmenterSettings, x_rays: XRays, target: np.ndarray, mirrored: bool
) -> Iterator[tuple["ImageTrainer", "MaskPredictor"]]:
    """Trainer and predictor of networks that outline what `target` shows, uint8 like the images, on the device."""
    # Loading Keras takes seconds: only where there is something to train.
    from pulmo.training.device import computing_on
    from pulmo.training.image_trainer import ImageTrainer, Pictures
    from pulmo.training.masks import MaskPredictor

    with computing_on(stage.device):
        pictures = Pictures(x_rays.images, target, "mask", x_rays.positive)
        build, recipe = settings.builder(x_rays.pixels, stage.note), settings.recipe(x_rays.learned_from)
        trainer = ImageTrainer(build, settings.objective(), pictures, recipe, stage.seed)
        yield trainer, MaskPredictor(trainer.network, mirrored)


def train_folds(
    stage: Stage, settings: TrainingSettings, trainer: "ImageTrainer", fold: np.ndarray, learnable: np.ndarray, ask: Ask
) -> list[Path]:
    """Train a network for each fold that the settings want, into the outputs `models` and `history`.

    Args:
        stage: that declares both.
        settings: how many folds.
        trainer: of all pictures.
        fold: of each picture, (pictures,); its network learns from the other folds.
        learnable: which pictures can be learned from, (pictures,) bool.
        ask: called for each network once it is trained.

    Returns:
        The folder that `ask` has filled for each fold.
    """
    models = stage.folder("models")
    folders = []
    for number in stage.progress(range(min(settings.folds, int(fold.max()) + 1)), f"{stage.spec.name}, folds"):
        held = np.flatnonzero(fold == number)
        learned, watched = (np.flatnonzero(which & learnable) for which in (fold != number, fold == number))
        make = partial(_train, stage, trainer, learned, watched, number)
        folders.append(stage.keep(f"fold{number}", partial(_train_and_ask, make, partial(ask, held))))
        shutil.copy(folders[-1] / NETWORK, models / f"fold{number}.keras")
    stage.write("history", joined(folders, "history"))
    return folders


def _train_and_ask(train: Callable[[Path], None], ask: Callable[[Path], None], folder: Path) -> None:
    train(folder)
    ask(folder)


def _train(
    stage: Stage, trainer: "ImageTrainer", learned: np.ndarray, watched: np.ndarray, number: int, folder: Path
) -> None:
    checkpoint = stage.scratch("checkpoints") / f"fold{number}.npz"
    history = trainer.train(learned, number, checkpoint, held_out=watched)
    trainer.network.save(folder / NETWORK)
    save(folder / "history", history.assign(fold=number))


def joined(folders: list[Path], name: str) -> pd.DataFrame:
    """The tables of that name in these folders, one below the other."""
    tables: list[pd.DataFrame] = [load(folder / f"{name}.parquet") for folder in folders]
    return pd.concat(tables, ignore_index=True)


def nothing_trained(stage: Stage, reason: str) -> None:
    """Empty outputs `models` and `history`, and a note why."""
    stage.note(reason)
    stage.folder("models")
    stage.write("history", pd.DataFrame({"fold": [], "epoch": []}))
