"""A U-Net small enough for a test learns to outline bright squares."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from pulmo.models.segmentation_losses import SegmentationLoss, Terms
from pulmo.models.unet import UnetParameters, unet
from pulmo.training.augment import Augmentation
from pulmo.training.checkpoint import Values, values_of
from pulmo.training.device import computing_on
from pulmo.training.fit import Plan
from pulmo.training.image_trainer import ImageTrainer, Pictures, Recipe
from pulmo.training.masks import MaskPredictor, Masks, predict_folds, upsampled

PIXELS, COUNT = 16, 48
NETWORK = UnetParameters(start=4, depth=1, rate=2.0, dropout=0.0, momentum=0.8, shrink=1, head=True)
RECIPE = Recipe(Plan(7, 6, 0.02, 1, 1e-4, 0.5, 9), 8, Augmentation(flip_left_right=True), first_positive_share=0.7)


def squares(count: int, seed: int) -> Pictures:
    """A third of the pictures are empty; in the others a square of 5 stands out of the noise."""
    rng = np.random.default_rng(seed)
    images, masks = rng.integers(60, 110, (count, PIXELS, PIXELS)), np.zeros((count, PIXELS, PIXELS), np.uint8)
    positive = np.arange(count) % 3 > 0
    for number in np.flatnonzero(positive):
        row, column = rng.integers(0, PIXELS - 5, 2)
        masks[number, row : row + 5, column : column + 5] = 255
    return Pictures((images + masks // 4).astype(np.uint8), masks, "mask", positive)


NEW = squares(30, 1)


def trainer_of(pictures: Pictures) -> ImageTrainer:
    loss = SegmentationLoss(Terms(cross_entropy=1, focal=1, dice=1, any=0.5))
    return ImageTrainer(partial(unet, NETWORK, PIXELS), loss, pictures, RECIPE, seed=3)


class Trained(NamedTuple):
    """Two trainings in one trainer, and the first once more."""

    history: pd.DataFrame
    said: tuple[Masks, ...]
    weights: tuple[Values, ...]
    files: list[Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    everything: list[tuple[pd.DataFrame, Masks, Values]] = []
    with computing_on("cpu"):
        trainer = trainer_of(squares(COUNT, 0))
        predictor = MaskPredictor(trainer.network, flip=True)
        for training, number in enumerate((0, 1, 0)):
            checked = np.arange(COUNT - 8, COUNT) if number == 0 else None
            held_out = np.arange(COUNT - 8) if training == 0 else None
            history = trainer.train(np.arange(COUNT - 8), number, folder / f"{training}.npz", checked, held_out)
            everything.append((history, predictor.predict(NEW.images), values_of(trainer.network.weights)))
            trainer.network.save(folder / f"{training}.keras")
    histories, said, weights = zip(*everything, strict=True)
    return Trained(histories[0], said, weights, [folder / "0.keras", folder / "1.keras"])


def test_it_learns_to_outline_and_to_say_whether_there_is_anything(trained: Trained) -> None:
    assert trained.history["validation_loss"].notna().all()
    said = trained.said[0]
    found, true = said.probability > 127, NEW.target > 0
    dice = 2 * (found & true).sum((1, 2)) / np.maximum(found.sum((1, 2)) + true.sum((1, 2)), 1)
    assert dice[NEW.positive].mean() > 0.8
    assert said.any[NEW.positive].mean() - said.any[~NEW.positive].mean() > 0.5


def test_what_is_watched_goes_into_the_history_alone(trained: Trained) -> None:
    held_out = trained.history["monitored_dice"]
    assert held_out.between(0, 1).all()
    assert held_out.iloc[-1] > held_out.iloc[0]
    assert trained.history["monitored_loss"].iloc[-1] < trained.history["monitored_loss"].iloc[0]
    # The third training was the first one's, with nothing to watch.
    assert all(np.array_equal(one, other) for one, other in zip(trained.weights[0], trained.weights[2], strict=True))


def test_a_training_depends_on_its_number_alone(trained: Trained) -> None:
    first, second, again = trained.weights
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert not any(np.array_equal(one, other) for one, other in zip(first, second, strict=True) if one.ndim > 1)


def test_folds_are_averaged(trained: Trained) -> None:
    one, other, _ = trained.said
    assert (one.probability != other.probability).any()
    with computing_on("cpu"):
        folds = predict_folds(trained.files, True, NEW.images)
    mean = (one.probability.astype(float) + other.probability) / 2
    assert np.abs(folds.probability - mean).max() <= 1
    np.testing.assert_allclose(folds.any, (one.any + other.any) / 2, rtol=1e-5)


def test_mirrored_views_agree() -> None:
    images = NEW.images[:12]
    with computing_on("cpu"):
        network = unet(NETWORK._replace(head=False), PIXELS)
        both, one = (MaskPredictor(network, flip).predict for flip in (True, False))
        said, seen = both(images), both(images[:, :, ::-1])
        as_is, mirrored = one(images), one(images[:, :, ::-1], np.array([7, 2]))
    assert np.isnan(said.any).all()
    np.testing.assert_array_equal(said.probability, seen.probability[:, :, ::-1])
    by_hand = (as_is.probability[[7, 2]].astype(float) + mirrored.probability[:, :, ::-1]) / 2
    assert np.abs(said.probability[[7, 2]] - by_hand).max() <= 1


@pytest.mark.parametrize("shape", [(8, 8), (16, 24)])
def test_probabilities_keep_their_place_at_full_size(shape: tuple[int, int]) -> None:
    small = np.zeros((4, 4), np.uint8)
    small[:, 2:] = 200
    large = upsampled(small, shape)
    assert large.shape == shape
    middle = shape[1] // 2
    assert (large[:, :middle] <= 100).all()
    assert (large[:, middle:] >= 100).all()
    assert (large[:, [0, -1]] == [0, 200]).all()
