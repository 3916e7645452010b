"""Test X-rays and `model/` → boxes for every image of the sample submission."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulmo.blending.boxes import fuse_boxes
from pulmo.competitions.rsna.candidate_boxes import Candidates, candidate_table, read_candidates, share_in_lungs
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
from pulmo.radiographs.inference import NetworkImages

if TYPE_CHECKING:
    from pulmo.training.inference import Predictions as NetworkPredictions
    from pulmo.training.inference import Predictor

CLASSIFIER, LUNGS = "classifier", "lungs"
FOLDS_IOU = 0.5


def run(stage: Stage, settings: PredictSettings) -> None:
    """Write `images` (at network size), `predictions` and, in Kaggle's text, `submission`."""
    model = read_model(stage.input("fit_ensemble/model"))
    folder = ImageFolder(stage.data / TEST_IMAGES)
    ids, files = requested_images(stage, stage.data / SAMPLE, IMAGE, folder, COLUMN_ALIASES)
    headers = cache_images(stage, "images", files, ImageFormat(model.pixels)).rename_axis("image").reset_index()
    image_table = headers[headers["error"].isna()].reset_index(drop=True)
    predictions = predict_networks(model, NetworkImages.of(stage, headers), image_table)
    found = combine(predictions, model.fitted)
    names = image_table["image"]
    stage.write("predictions", candidate_table(found, names, np.ones((len(names), 2))))
    places = pd.Index(ids).get_indexer(names)
    stage.write_csv("submission", to_submission(ids, found._replace(image=places[found.image])))


def predict_networks(model: TrainedModel, images: NetworkImages, image_table: pd.DataFrame) -> Predictions:
    """The model's networks' predictions: the folds' masks and probabilities averaged, their boxes fused.

    Args:
        model: as read from its folder.
        images: of the model's size.
        image_table: `image`, `rows` and `columns` of each.
    """
    names, scale = image_table["image"], image_scale(image_table, model.pixels)
    presence = np.ones(len(names))
    tables = {}
    if model.networks[SEGMENTER].files:
        threshold = int(model.fitted["mask_threshold"])
        predicted = images.predict(
            SEGMENTER, _masks_of(model, SEGMENTER), partial(_mask_boxes, names, scale, threshold)
        )
        tables[SEGMENTER] = predicted["boxes"]
        if not predicted["presence"].isna().any(axis=None):
            presence = predicted["presence"]["presence"].to_numpy()
    if model.networks[DETECTOR].files:
        predicted = images.predict(DETECTOR, _boxes_of(model), partial(_fused_boxes, names, scale))
        tables[DETECTOR] = predicted["boxes"]
    if model.networks[CLASSIFIER].files:
        predicted = images.predict(CLASSIFIER, _masks_of(model, CLASSIFIER, "presence"), _presence)
        presence = predicted["presence"]["presence"].to_numpy()
    routes = {name: read_candidates(table, names) for name, table in tables.items()}
    if model.networks[LUNGS].files and model.fitted["lungs"] > 0:  # else they are not used
        finish = partial(_shares_in_lungs, routes, scale)
        shares = images.predict(LUNGS, _masks_of(model, LUNGS, "mask"), finish)
        routes = {name: found._replace(in_lungs=shares[name]["share"].to_numpy()) for name, found in routes.items()}
    return Predictions(routes, presence, len(names))


def _masks_of(model: TrainedModel, family: str, *outputs: str) -> "Callable[[tuple[int, ...]], Predictor]":
    """The shape of an image → the mean of a family's networks."""
    from pulmo.training.inference import MaskPredictor, MeanPredictor

    files, tta_flip = model.networks[family]
    one = partial(MaskPredictor, tta_flip=tta_flip, outputs=outputs or ("mask", "presence"))
    return partial(MeanPredictor, files, predictor=one)


def _boxes_of(model: TrainedModel) -> "Callable[[tuple[int, ...]], Predictor]":
    """The shape of an image → the boxes of each detector."""
    from pulmo.training.inference import BoxPredictor, FoldPredictor

    files, tta_flip = model.networks[DETECTOR]
    return partial(FoldPredictor, files, predictor=partial(BoxPredictor, tta_flip=tta_flip, limits=LIMITS))


def _mask_boxes(
    names: pd.Series, scale: np.ndarray, threshold: int, part: np.ndarray, predicted: "NetworkPredictions"
) -> dict[str, pd.DataFrame]:
    found = boxes_of_masks(predicted["mask"], [threshold])
    boxes = candidate_table(found.boxes, names.iloc[part], 1 / scale[part], found.mask_threshold)
    return {"boxes": boxes, **_presence(part, predicted)}


def _presence(_: np.ndarray, predicted: "NetworkPredictions") -> dict[str, pd.DataFrame]:
    return {"presence": pd.DataFrame({"presence": predicted["presence"]})}


def _fused_boxes(
    names: pd.Series, scale: np.ndarray, part: np.ndarray, predicted: "NetworkPredictions"
) -> dict[str, pd.DataFrame]:
    from pulmo.training.inference import to_boxes

    folds = [to_boxes(boxes) for boxes in np.moveaxis(predicted["boxes"], 1, 0)]
    fused = fuse_boxes(folds, [1.0] * len(folds), len(part), FOLDS_IOU)
    return {"boxes": candidate_table(fused.boxes, names.iloc[part], 1 / scale[part])}


def _shares_in_lungs(
    routes: Mapping[str, Candidates], scale: np.ndarray, part: np.ndarray, predicted: "NetworkPredictions"
) -> dict[str, pd.DataFrame]:
    """Of each route, the share of the boxes of these images that is lung; boxes are in order of image."""
    place = np.zeros(len(scale), np.int64)
    place[part] = np.arange(len(part))
    shares = {}
    for name, found in routes.items():
        boxes = found.boxes.take(np.isin(found.boxes.image, part))
        shares[name] = pd.DataFrame({"share": share_in_lungs(boxes, scale, predicted["mask"], place)})
    return shares
