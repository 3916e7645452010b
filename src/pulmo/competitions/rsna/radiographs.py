"""The X-rays of `features`, as networks learn from them; and the stages' networks, trained fold by fold."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.features import image_scale
from pulmo.pipeline.stage import Stage
from pulmo.training.fold_networks import HISTORY, Folds, FoldTrainer, copy_networks, joined, train_folds
from pulmo.training.image_folds import ImageFolds, mask_folds
from pulmo.training.image_settings import FoldSegmenterSettings, FoldSettings

if TYPE_CHECKING:
    from pulmo.training.masks import MaskPredictor


class RadiographTable(NamedTuple):
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
    def scale(self) -> np.ndarray:
        """See `image_scale`."""
        return image_scale(self.patients, self.pixels)


def read_radiographs(stage: Stage) -> RadiographTable:
    """What the stage `features` left."""
    patients = stage.read("features/patients")
    fold = patients["fold"].to_numpy(np.int64)
    return RadiographTable(patients, stage.read("features/images"), patients["error"].isna().to_numpy(), fold)


def outlining(
    stage: Stage,
    settings: FoldSegmenterSettings,
    x_rays: RadiographTable,
    target: np.ndarray,
    learnable: np.ndarray,
    ask: Callable[["MaskPredictor", np.ndarray, Path], None],
) -> ImageFolds:
    """A trainer of networks that outline what `target` shows, uint8 like the images; see `mask_folds`."""
    # Loading Keras takes seconds: only where there is something to train.
    from pulmo.training.image_trainer import Pictures

    pictures = Pictures(x_rays.images, target, "mask", x_rays.positive)
    return mask_folds(stage, settings, pictures, x_rays.fold, learnable, ask)


def train_networks(stage: Stage, settings: FoldSettings, trainer: Callable[[Stage], FoldTrainer]) -> list[Path]:
    """Train a network for each fold that the settings want, into the outputs `models`, `history`
    and `description`.

    Returns:
        The folds' folders, with what their networks have said; see `train_folds`.
    """
    count = min(settings.folds, int(stage.read("features/patients")["fold"].max()) + 1)
    pieces = train_folds(stage, Folds(trainer, count, settings.parallel_folds))
    copy_networks(pieces, stage.folder("models"))
    stage.write("history", joined(pieces, HISTORY))
    describe_inference(stage, settings)
    return pieces


def describe_inference(stage: Stage, settings: FoldSettings) -> None:
    """The output `description`: how the networks were asked about images held out, and are to be asked ever after."""
    stage.write("description", {"tta_flip": settings.mirrored})


def nothing_trained(stage: Stage, settings: FoldSettings, reason: str) -> None:
    """Empty outputs `models` and `history`, and a note why."""
    stage.note(reason)
    describe_inference(stage, settings)
    stage.folder("models")
    stage.write("history", pd.DataFrame({"fold": [], "epoch": []}))
