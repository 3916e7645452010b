"""A network a fold that outlines the air → what each says of the X-rays it has not learned from."""

import math
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulmo.competitions.siim.settings import OutlineSettings
from pulmo.competitions.siim.trained_model import NETWORK
from pulmo.pipeline.stage import Stage, load, save

if TYPE_CHECKING:
    from pulmo.training.image_trainer import ImageTrainer
    from pulmo.training.masks import MaskPredictor


def run(stage: Stage, settings: OutlineSettings) -> None:
    """Write `models`, `history`, `description` (how the networks are to be asked), and of the X-rays held out:
    `out_of_fold`, a row each in order of folds (`row` in `features/x_rays`, `fold`, `any`), and `probability`, uint8
    (rows, pixels, pixels).
    """
    # Loading Keras takes seconds: `pulmo` starts without it.
    from pulmo.training.device import computing_on
    from pulmo.training.image_trainer import ImageTrainer, Pictures
    from pulmo.training.masks import MaskPredictor

    x_rays, images = stage.read("features/x_rays"), stage.read("features/images")
    fold = x_rays["fold"].to_numpy()
    folds = min(settings.folds, int(fold.max()) + 1)
    learned = math.floor((fold >= 0).sum() * fold.max() / (fold.max() + 1))
    pictures = Pictures(images, stage.read("features/masks"), "mask", (x_rays["area"] > 0).to_numpy())
    with computing_on(stage.device):
        build = settings.builder(images.shape[1], stage.note)
        trainer = ImageTrainer(build, settings.objective(), pictures, settings.recipe(learned), stage.seed)
        predictor = MaskPredictor(trainer.network, settings.mirrored)
        kept = [
            stage.keep(f"fold{number}", partial(_fold, stage, trainer, predictor, images, fold, number))
            for number in stage.progress(range(folds), "network folds")
        ]
    _gather(stage, kept, fold, images.shape[1])
    stage.write("description", {"mirrored": settings.mirrored})


def _fold(
    stage: Stage,
    trainer: "ImageTrainer",
    predictor: "MaskPredictor",
    images: np.ndarray,
    fold: np.ndarray,
    number: int,
    folder: Path,
) -> None:
    """Train on the other folds; the network, its history and what it says of this one into the folder."""
    learned, held = np.flatnonzero((fold >= 0) & (fold != number)), np.flatnonzero(fold == number)
    checkpoint = stage.scratch("checkpoints") / f"fold{number}.npz"
    history = trainer.train(learned, number, checkpoint, held_out=held)
    said = predictor.predict(images, held)
    trainer.network.save(folder / "network.keras")
    save(folder / "history", history.assign(fold=number))
    save(folder / "probability", said.probability)
    save(folder / "any", said.any)


def _gather(stage: Stage, kept: list[Path], fold: np.ndarray, pixels: int) -> None:
    """The folds' pieces as the stage's outputs."""
    held = [np.flatnonzero(fold == number) for number in range(len(kept))]
    row = np.concatenate(held)
    models = stage.folder("models") / NETWORK
    models.mkdir()
    probability = np.load(stage.array("probability", (len(row), pixels, pixels), "uint8"), mmap_mode="r+")
    end = 0
    for number, folder in enumerate(kept):
        shutil.copy(folder / "network.keras", models / f"fold{number}.keras")
        start, end = end, end + len(held[number])
        probability[start:end] = load(folder / "probability.npy")
    probability.flush()
    anything = np.concatenate([load(folder / "any.npy") for folder in kept])
    stage.write("out_of_fold", pd.DataFrame({"row": row, "fold": fold[row], "any": anything}))
    stage.write("history", pd.concat([load(folder / "history.parquet") for folder in kept], ignore_index=True))
