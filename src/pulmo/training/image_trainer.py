"""Training a network on pictures and what is marked in them, once a fold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
import pandas as pd

from pulmo.models.metrics import dice_of_masks
from pulmo.training.augment import Augment, Augmentation
from pulmo.training.checkpoint import values_of
from pulmo.training.fit import Plan, Trainer
from pulmo.training.sampler import PositiveShare, a_few, evenly
from pulmo.training.sequences import OrderedBatches, Rows, Sampler, TrainingBatches


class Pictures(NamedTuple):
    """What is learned from; images and targets may be memory-mapped and are never copied whole.

    Attributes:
        images: uint8 (n, pixels, pixels).
        target: of masks, uint8 (n, pixels, pixels), how much of each pixel is covered, 255 being all (so small things
            survive shrinking); of boxes, float32 (n, most, 4): x0, y0, x1, y1 in pixels of `images`, filled up with 0.
        kind: how the target moves with the image.
        positive: bool (n,), which show something.
    """

    images: np.ndarray
    target: np.ndarray
    kind: Literal["mask", "boxes"]
    positive: np.ndarray


class Recipe(NamedTuple):
    """How a network is trained: `plan`, `batch`, the `moves` that pictures make; and the share of positive pictures in
    the first epoch, relaxed to the natural one over the plan's epochs (None: natural throughout)."""

    plan: Plan
    batch: int
    moves: Augmentation
    first_positive_share: float | None = None


class ImageTrainer:
    """A network compiled once and trained on some of the pictures, as often as there are folds.

    Inside a device's scope (`computing_on`) only. What it has learned is asked through `network`: `masks.MaskPredictor`
    and `boxes.BoxPredictor`, made once too, say what the last training taught.

    Args:
        build: makes the network, with new random weights at each call; see `models.segmenter`, `models.detector`.
        objective: a Keras loss, such as `models.segmentation_losses.SegmentationLoss`.
        pictures: all of them.
        recipe: how.
        seed: the run's.
    """

    def __init__(self, build: Callable[[], Any], objective: Any, pictures: Pictures, recipe: Recipe, seed: int) -> None:
        self._build, self._pictures, self._recipe, self._seed = build, pictures, recipe, seed
        self._rows = Rows({"image": pictures.images}, pictures.target)
        augment = Augment(recipe.moves, "yx", seed, target=pictures.kind)
        measures = {"dice": dice_of_masks} if pictures.kind == "mask" else {}
        self._trainer = Trainer(self._new_network(seed), objective, recipe.plan, augment, measures)

    @property
    def network(self) -> Any:
        """The Keras model, with the weights of the last training."""
        return self._trainer.network

    def train(
        self,
        learned: np.ndarray,
        number: int,
        checkpoint: Path,
        checked: np.ndarray | None = None,
        held_out: np.ndarray | None = None,
    ) -> pd.DataFrame:
        """Train anew; the history, see `Trainer.fit`; of masks, with `dice`.

        Args:
            learned: numbers of the pictures to learn from, (some of n,) int.
            number: of this training; another one starts from other weights and sees other batches.
            checkpoint: a file; where it is, the training that was killed goes on. Remove it when all is kept.
            checked: numbers of the pictures by which the best epoch is chosen; never those that are scored.
            held_out: numbers of pictures to be watched, of which a few are drawn; nothing is chosen by them.
        """
        seed = 1000 * self._seed + number
        plan, batch = self._recipe.plan, self._recipe.batch
        train = TrainingBatches(self._rows, batch, seed, plan.steps, self._sampler(learned))
        validation = None if checked is None or not len(checked) else OrderedBatches(self._rows, batch, checked)
        watched = None if held_out is None else OrderedBatches(self._rows, batch, a_few(held_out, plan.steps * batch))
        initial = values_of(self._new_network(seed).variables)
        return self._trainer.fit(initial, train, checkpoint, validation, watched)

    def _sampler(self, learned: np.ndarray) -> Sampler:
        first = self._recipe.first_positive_share
        if first is None:
            return evenly(learned)
        return PositiveShare(learned, self._pictures.positive[learned], first, self._recipe.plan.epochs)

    def _new_network(self, seed: int) -> Any:
        keras.utils.set_random_seed(seed)
        return self._build()
