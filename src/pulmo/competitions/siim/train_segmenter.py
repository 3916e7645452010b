"""A network a fold that outlines the air → what each says of the X-rays it has not learned from."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulmo.competitions.siim.settings import OutlineSettings
from pulmo.pipeline.stage import Stage, load, save
from pulmo.training.fold_networks import HISTORY, Folds, copy_networks, joined, train_folds
from pulmo.training.image_folds import ImageFolds, mask_folds

if TYPE_CHECKING:
    from pulmo.training.masks import MaskPredictor


def run(stage: Stage, settings: OutlineSettings) -> None:
    """Write `models`, `history`, `description` (how the networks are to be asked), and of the X-rays held out:
    `out_of_fold`, a row each in order of folds (`row` in `features/x_rays`, `fold`, `any`), and `probability`, uint8
    (rows, pixels, pixels).
    """
    fold = stage.read("features/x_rays")["fold"].to_numpy()
    count = min(settings.folds, int(fold.max()) + 1)
    pieces = train_folds(stage, Folds(partial(_trainer, settings), count, settings.parallel_folds))
    copy_networks(pieces, stage.folder("models"))
    stage.write("history", joined(pieces, HISTORY))
    stage.write("description", {"tta_flip": settings.mirrored})
    _gather(stage, pieces, fold)


def _trainer(settings: OutlineSettings, stage: Stage) -> ImageFolds:
    # Loading Keras takes seconds: `pulmo` starts without it.
    from pulmo.training.image_trainer import Pictures

    x_rays, images = stage.read("features/x_rays"), stage.read("features/images")
    fold = x_rays["fold"].to_numpy()
    pictures = Pictures(images, stage.read("features/masks"), "mask", (x_rays["area"] > 0).to_numpy())
    return mask_folds(stage, settings, pictures, fold, fold >= 0, partial(_ask, images))


def _ask(images: np.ndarray, predictor: "MaskPredictor", held: np.ndarray, folder: Path) -> None:
    said = predictor.predict(images, held)
    save(folder / "probability", said.probability)
    save(folder / "any", said.any)


def _gather(stage: Stage, pieces: list[Path], fold: np.ndarray) -> None:
    """What the folds' networks have said, as the stage's outputs."""
    said = [load(piece / "probability.npy") for piece in pieces]
    row = np.concatenate([np.flatnonzero(fold == number) for number in range(len(pieces))])
    probability = np.load(stage.array("probability", (len(row), *said[0].shape[1:]), "uint8"), mmap_mode="r+")
    np.concatenate(said, out=probability)
    probability.flush()
    anything = np.concatenate([load(piece / "any.npy") for piece in pieces])
    stage.write("out_of_fold", pd.DataFrame({"row": row, "fold": fold[row], "any": anything}))
