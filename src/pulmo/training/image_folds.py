"""Networks that look at pictures, fold by fold: which they learn from, which they are asked about."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pulmo.pipeline.stage import Stage
from pulmo.training.image_settings import FoldSegmenterSettings

if TYPE_CHECKING:
    from pulmo.training.image_trainer import ImageTrainer, Pictures
    from pulmo.training.masks import MaskPredictor

Ask = Callable[[np.ndarray, Path], None]
"""Numbers of the pictures held out, and a folder → what the network says of them is saved there."""


class ImageFolds:
    """A `fold_networks.FoldTrainer` of pictures.

    Args:
        trainer: of all pictures.
        fold: of each picture, (pictures,); those below 0 are in none.
        learnable: which pictures can be learned from, (pictures,) bool; a few of those held out are watched.
        ask: called with a network that has been trained.
    """

    def __init__(self, trainer: "ImageTrainer", fold: np.ndarray, learnable: np.ndarray, ask: Ask) -> None:
        self._trainer, self._fold, self._learnable, self._ask = trainer, fold, learnable, ask

    @property
    def network(self) -> Any:
        """The Keras model, with the weights of the last training."""
        return self._trainer.network

    def train(self, number: int, checkpoint: Path) -> pd.DataFrame:
        """Train anew without a fold; the history, see `ImageTrainer.train`."""
        learned, watched = (
            np.flatnonzero(self._learnable & which) for which in (self._fold != number, self._fold == number)
        )
        return self._trainer.train(learned, number, checkpoint, held_out=watched)

    def say(self, number: int, folder: Path) -> None:
        """Ask about the fold."""
        self._ask(np.flatnonzero(self._fold == number), folder)


def learned_from(fold: np.ndarray, learnable: np.ndarray) -> int:
    """By how many pictures a network learns that leaves a fold out."""
    last = int(fold.max())
    return int(learnable.sum()) * last // (last + 1)


def mask_folds(
    stage: Stage,
    settings: FoldSegmenterSettings,
    pictures: "Pictures",
    fold: np.ndarray,
    learnable: np.ndarray,
    ask: Callable[["MaskPredictor", np.ndarray, Path], None],
) -> ImageFolds:
    """A trainer of networks that outline what the pictures' target shows; see `ImageFolds`.

    `ask` is given a predictor that follows the network, then what `Ask` is given.
    """
    # Loading Keras takes seconds: only where there is something to train.
    from pulmo.training.image_trainer import ImageTrainer
    from pulmo.training.masks import MaskPredictor

    build = settings.builder(pictures.images.shape[1], stage.note)
    recipe = settings.recipe(learned_from(fold, learnable))
    trainer = ImageTrainer(build, settings.objective(), pictures, recipe, stage.seed)
    predictor = MaskPredictor(trainer.network, settings.mirrored)
    return ImageFolds(trainer, fold, learnable, partial(ask, predictor))
