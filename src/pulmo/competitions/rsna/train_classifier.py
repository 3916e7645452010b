"""Route 2, what the report recommends: is there pneumonia at all? → the probability for each patient, out of fold."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.fold_networks import (
    XRays,
    joined,
    mask_networks,
    nothing_trained,
    read_x_rays,
    train_folds,
)
from pulmo.competitions.rsna.settings import ClassifierSettings
from pulmo.errors import Fault, UserError
from pulmo.pipeline.stage import Stage, save

if TYPE_CHECKING:
    from pulmo.training.masks import MaskPredictor


def run(stage: Stage, settings: ClassifierSettings) -> None:
    """Write `out_of_fold`, `models` and `history`."""
    if settings.folds == 0:
        nothing_trained(stage, "The classifier is left out: train_classifier.folds is 0")
        stage.write("out_of_fold", pd.DataFrame({"patient": [], "fold": [], "probability": []}))
        return
    if settings.network == "resnet" or not settings.head:
        fault = "has no head, which says whether there is anything"
        raise UserError(
            Fault("setting train_classifier.network", fault, "Set network = 'unet' or 'encoder', and head = true")
        )
    x_rays = read_x_rays(stage)
    target = stage.read("features/masks")
    with mask_networks(stage, settings, x_rays, target, settings.mirrored) as (trainer, predictor):
        ask = partial(_ask, predictor, x_rays)
        folders = train_folds(stage, settings, trainer, x_rays.fold, x_rays.readable, ask)
    stage.write("out_of_fold", joined(folders, "probability"))


def _ask(predictor: "MaskPredictor", x_rays: XRays, held: np.ndarray, folder: Path) -> None:
    said = predictor.predict(x_rays.images, held)
    patients = x_rays.patients.iloc[held][["patient", "fold"]].reset_index(drop=True)
    save(folder / "probability", patients.assign(probability=said.any.astype(np.float64)))
