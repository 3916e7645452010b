"""Route 3: boxes by a one-stage detector, a network a fold, out of fold."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.candidate_boxes import candidate_table
from pulmo.competitions.rsna.radiographs import RadiographTable, nothing_trained, read_radiographs, train_networks
from pulmo.competitions.rsna.rasterize import scaled
from pulmo.competitions.rsna.settings import DetectorSettings
from pulmo.competitions.rsna.submission import BOX_COLUMNS
from pulmo.pipeline.stage import Stage, save
from pulmo.scoring.boxes import corners
from pulmo.training.fold_networks import joined
from pulmo.training.image_folds import ImageFolds, learned_from

if TYPE_CHECKING:
    from pulmo.training.boxes import BoxPredictor

MOST, LEAST = 20, 0.05
"""Boxes of a picture that are kept at the most, and their least confidence."""


def run(stage: Stage, settings: DetectorSettings) -> None:
    """Write `out_of_fold` boxes, `models` and `history`."""
    if settings.folds == 0:
        nothing_trained(stage, settings, "The detector is left out: train_detector.folds is 0")
        stage.write("out_of_fold", candidate_table())
        return
    pieces = train_networks(stage, settings, partial(_trainer, settings))
    stage.write("out_of_fold", joined(pieces, "boxes"))


def _trainer(settings: DetectorSettings, stage: Stage) -> ImageFolds:
    # Loading Keras takes seconds: only where there is something to train.
    from pulmo.models.detection_loss import DetectionLoss
    from pulmo.models.detector import DetectorParameters, detector
    from pulmo.training.boxes import BoxPredictor, Keeping
    from pulmo.training.image_trainer import ImageTrainer, Pictures

    x_rays = read_radiographs(stage)
    parameters = DetectorParameters(settings.start, settings.depth, settings.momentum, settings.cell)
    pictures = Pictures(x_rays.images, box_target(x_rays, stage.read("features/boxes")), "boxes", x_rays.positive)
    recipe = settings.recipe(learned_from(x_rays.fold, x_rays.readable))
    build = partial(detector, parameters, x_rays.pixels)
    trainer = ImageTrainer(build, DetectionLoss(settings.cell), pictures, recipe, stage.seed)
    predictor = BoxPredictor(trainer.network, Keeping(MOST, LEAST), settings.mirrored)
    return ImageFolds(trainer, x_rays.fold, x_rays.readable, partial(_ask, predictor, x_rays))


def box_target(x_rays: RadiographTable, boxes: pd.DataFrame) -> np.ndarray:
    """The boxes of each picture: float32 (patients, most, 4), left, top, right, bottom in its pixels, filled with 0."""
    places = pd.Index(x_rays.patients["patient"]).get_indexer(boxes["patient"])
    number = boxes.groupby("patient").cumcount().to_numpy()
    xywh = scaled(boxes[list(BOX_COLUMNS)].to_numpy(np.float64), x_rays.scale[places])
    target = np.zeros((len(x_rays.fold), int(number.max(initial=0)) + 1, 4), np.float32)
    target[places, number] = corners(xywh)
    return target


def _ask(predictor: "BoxPredictor", x_rays: RadiographTable, held: np.ndarray, folder: Path) -> None:
    found = predictor.predict(x_rays.images, held)
    patients = x_rays.patients["patient"].iloc[held]
    found = found.take(x_rays.readable[held][found.image])
    save(folder / "boxes", candidate_table(found, patients, 1 / x_rays.scale[held]))
