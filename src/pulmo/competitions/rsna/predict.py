"""Test X-rays and `model/` → boxes for every image of the sample submission."""

from functools import partial

import numpy as np
import pandas as pd

from pulmo.blending.boxes import fuse_boxes
from pulmo.competitions.rsna.candidate_boxes import candidate_table, read_candidates
from pulmo.competitions.rsna.data import SAMPLE, TEST_IMAGES
from pulmo.competitions.rsna.ensemble import DETECTOR, SEGMENTER, Predictions, combine
from pulmo.competitions.rsna.features import image_scale
from pulmo.competitions.rsna.rasterize import boxes_of_masks
from pulmo.competitions.rsna.settings import PredictSettings
from pulmo.competitions.rsna.submission import COLUMN_ALIASES, IMAGE, to_submission
from pulmo.competitions.rsna.train_detector import LIMITS
from pulmo.competitions.rsna.trained_model import TrainedModel, read_model
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import ImageFormat, cache_images
from pulmo.radiographs.files import ImageFolder, requested_images

FOLDS_IOU = 0.5


def run(stage: Stage, settings: PredictSettings) -> None:
    """Write `images` (at network size), `predictions` and, in Kaggle's text, `submission`."""
    from pulmo.training.device import computing_on

    model = read_model(stage.input("fit_ensemble/model"))
    folder = ImageFolder(stage.data / TEST_IMAGES)
    ids, files = requested_images(stage, stage.data / SAMPLE, IMAGE, folder, COLUMN_ALIASES)
    headers = cache_images(stage, "images", files, ImageFormat(model.pixels))
    headers = headers.rename_axis("image").reset_index()
    readable = headers["error"].isna().to_numpy()
    image_table = headers[readable].reset_index(drop=True)
    images = np.load(stage.array("images", (len(files), model.pixels, model.pixels), "uint8"), mmap_mode="r")
    with computing_on(stage.device):
        predictions = predict_networks(model, images[readable], image_table)
    found = combine(predictions, model.fitted)
    names = image_table["image"]
    stage.write("predictions", candidate_table(found, names, np.ones((len(names), 2))))
    places = pd.Index(ids).get_indexer(names)
    stage.write_csv("submission", to_submission(ids, found._replace(image=places[found.image])))


def predict_networks(model: TrainedModel, images: np.ndarray, image_table: pd.DataFrame) -> Predictions:
    """The model's networks' predictions: the folds' masks and probabilities averaged, their boxes fused.

    On a device only, see `computing_on`.

    Args:
        model: as read from its folder.
        images: uint8 (images, pixels, pixels), of the model's size.
        image_table: `image`, `rows` and `columns` of each.
    """
    from pulmo.training.inference import BoxPredictor, MaskPredictor, predict_folds, predict_mean, to_boxes

    def masks(family: str) -> dict[str, np.ndarray]:
        files, tta_flip = model.networks[family]
        return predict_mean(files, {"image": images}, partial(MaskPredictor, tta_flip=tta_flip))

    scale = image_scale(image_table, model.pixels)
    lungs = None
    if model.networks["lungs"].files and model.fitted["lungs"] > 0:  # else they are not used
        lungs = masks("lungs")["mask"]
    tables = {}
    presence = None
    if model.networks[SEGMENTER].files:
        predicted = masks(SEGMENTER)
        presence = None if np.isnan(predicted["presence"]).any() else predicted["presence"]
        found = boxes_of_masks(predicted["mask"], [int(model.fitted["mask_threshold"])])
        tables[SEGMENTER] = candidate_table(found.boxes, image_table["image"], 1 / scale, found.mask_threshold)
    if model.networks[DETECTOR].files:
        files, tta_flip = model.networks[DETECTOR]
        predictor = partial(BoxPredictor, tta_flip=tta_flip, limits=LIMITS)
        folds = [to_boxes(fold["boxes"]) for fold in predict_folds(files, {"image": images}, predictor)]
        fused = fuse_boxes(folds, [1.0] * len(folds), len(images), FOLDS_IOU)
        tables[DETECTOR] = candidate_table(fused.boxes, image_table["image"], 1 / scale)
    if model.networks["classifier"].files:
        presence = masks("classifier")["presence"]
    routes = {name: read_candidates(table, image_table["image"], scale, lungs) for name, table in tables.items()}
    return Predictions(routes, np.ones(len(images)) if presence is None else presence, len(images))
