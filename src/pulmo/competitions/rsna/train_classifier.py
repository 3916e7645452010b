"""Route 2, what the report recommends: is there pneumonia at all? → the probability for each patient, out of fold."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.radiographs import (
    RadiographTable,
    nothing_trained,
    outlining,
    read_radiographs,
    train_networks,
)
from pulmo.competitions.rsna.settings import ClassifierSettings
from pulmo.pipeline.stage import Stage, save
from pulmo.training.fold_networks import joined
from pulmo.training.image_folds import ImageFolds

if TYPE_CHECKING:
    from pulmo.training.masks import MaskPredictor


def run(stage: Stage, settings: ClassifierSettings) -> None:
    """Write `out_of_fold`, `models` and `history`."""
    if settings.folds == 0:
        nothing_trained(stage, settings, "The classifier is left out: train_classifier.folds is 0")
        stage.write("out_of_fold", pd.DataFrame({"patient": [], "fold": [], "probability": []}))
        return
    pieces = train_networks(stage, settings, partial(_trainer, settings))
    stage.write("out_of_fold", joined(pieces, "probability"))


def _trainer(settings: ClassifierSettings, stage: Stage) -> ImageFolds:
    x_rays = read_radiographs(stage)
    masks = stage.read("features/masks")
    return outlining(stage, settings, x_rays, masks, x_rays.readable, partial(_ask, x_rays))


def _ask(x_rays: RadiographTable, predictor: "MaskPredictor", held: np.ndarray, folder: Path) -> None:
    said = predictor.predict(x_rays.images, held)
    patients = x_rays.patients.iloc[held][["patient", "fold"]].reset_index(drop=True)
    save(folder / "probability", patients.assign(probability=said.any.astype(np.float64)))
