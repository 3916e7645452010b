"""Route 1, the report's: boxes painted as masks, outlined by a network a fold, and read back as boxes out of fold.

Beside the boxes go the report's own numbers of each picture: mean IoU and pixel accuracy, and the accuracy of saying
that there is nothing, which most pixels make high; and from a network with a head, whether there is anything.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.candidate_boxes import candidate_table
from pulmo.competitions.rsna.radiographs import (
    RadiographTable,
    nothing_trained,
    outlining,
    read_radiographs,
    train_networks,
)
from pulmo.competitions.rsna.rasterize import outlines
from pulmo.competitions.rsna.settings import OutlineSettings
from pulmo.pipeline.stage import Stage, save
from pulmo.training.fold_networks import joined
from pulmo.training.image_folds import ImageFolds

if TYPE_CHECKING:
    from pulmo.training.masks import MaskPredictor

HALF = 128  # of 255


def run(stage: Stage, settings: OutlineSettings) -> None:
    """Write `out_of_fold` boxes, the report's numbers a picture into `pictures`, `models` and `history`."""
    if settings.folds == 0:
        nothing_trained(stage, settings, "The segmenter is left out: train_segmenter.folds is 0")
        stage.write("out_of_fold", candidate_table())
        stage.write("pictures", pd.DataFrame({"patient": [], "fold": [], "any": []}))
        return
    pieces = train_networks(stage, settings, partial(_trainer, settings))
    stage.write("out_of_fold", joined(pieces, "boxes"))
    stage.write("pictures", joined(pieces, "pictures"))


def _trainer(settings: OutlineSettings, stage: Stage) -> ImageFolds:
    x_rays, masks = read_radiographs(stage), stage.read("features/masks")
    return outlining(stage, settings, x_rays, masks, x_rays.readable, partial(_ask, x_rays, masks, settings.cuts))


def _ask(
    x_rays: RadiographTable,
    masks: np.ndarray,
    cuts: tuple[int, ...],
    predictor: "MaskPredictor",
    held: np.ndarray,
    folder: Path,
) -> None:
    said = predictor.predict(x_rays.images, held)
    probability = said.probability
    probability[~x_rays.readable[held]] = 0
    found = outlines(probability, cuts)
    patients = x_rays.patients.iloc[held].reset_index(drop=True)
    save(folder / "boxes", candidate_table(found.boxes, patients["patient"], 1 / x_rays.scale[held], found.cut))
    pictures = patients[["patient", "fold"]].assign(any=said.any.astype(np.float64))
    save(folder / "pictures", pictures.assign(**pixel_scores(probability, masks[held])))


def pixel_scores(probability: np.ndarray, masks: np.ndarray) -> dict[str, np.ndarray]:
    """How well pixels are told apart, picture by picture.

    Args:
        probability: uint8 (pictures, pixels, pixels), 255 being certain.
        masks: the truth, likewise.

    Returns:
        `iou`, with 1 added above and below the line as the report has it (so that a picture without anything scores 1
        if nothing is said); `accuracy`; and `background_accuracy`, that of saying nothing. (pictures,) each.
    """
    axes = (1, 2)
    said, true = probability >= HALF, masks >= HALF
    return {
        "iou": ((said & true).sum(axes) + 1) / ((said | true).sum(axes) + 1),
        "accuracy": (said == true).mean(axes),
        "background_accuracy": 1 - true.mean(axes),
    }
