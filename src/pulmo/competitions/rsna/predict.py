"""Test X-rays and `model/` → boxes for every patient that Kaggle asks for."""

import numpy as np
import pandas as pd

from pulmo.blending.boxes import fuse_boxes
from pulmo.competitions.rsna.candidate_boxes import candidate_table, read_candidates
from pulmo.competitions.rsna.data import SAMPLE, TEST_IMAGES
from pulmo.competitions.rsna.ensemble import DETECTOR, SEGMENTER, Evidence, combine
from pulmo.competitions.rsna.features import image_scale
from pulmo.competitions.rsna.rasterize import outlines
from pulmo.competitions.rsna.settings import PredictSettings
from pulmo.competitions.rsna.submission import COLUMN_ALIASES, PATIENT, to_submission
from pulmo.competitions.rsna.train_detector import LEAST, MOST
from pulmo.competitions.rsna.trained_model import TrainedModel, read_model
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import ImageFormat, cache_images
from pulmo.radiographs.files import ImageFolder, requested_images

FOLDS_IOU = 0.5


def run(stage: Stage, settings: PredictSettings) -> None:
    """Write `images` (those asked about, at network size), `predictions` and, in Kaggle's text, `submission`."""
    from pulmo.training.device import computing_on

    model = read_model(stage.input("fit_ensemble/model"))
    folder = ImageFolder(stage.data / TEST_IMAGES)
    asked, files = requested_images(stage, stage.data / SAMPLE, PATIENT, folder, COLUMN_ALIASES)
    headers = cache_images(stage, "images", files, ImageFormat(model.pixels))
    headers = headers.drop(columns="patient").rename_axis("patient").reset_index()
    readable = headers["error"].isna().to_numpy()
    patients = headers[readable].reset_index(drop=True)
    images = np.load(stage.array("images", (len(files), model.pixels, model.pixels), "uint8"), mmap_mode="r")
    with computing_on(stage.device):
        evidence = ask_networks(model, images[readable], patients)
    found = combine(evidence, model.fitted)
    names = patients["patient"]
    stage.write("predictions", candidate_table(found, names, np.ones((len(names), 2))))
    places = pd.Index(asked).get_indexer(names)
    stage.write_csv("submission", to_submission(asked, found._replace(image=places[found.image])))


def ask_networks(model: TrainedModel, images: np.ndarray, patients: pd.DataFrame) -> Evidence:
    """What the model's networks say of X-rays: the folds' outlines and probabilities averaged, their boxes fused.

    On a device only, see `computing_on`.

    Args:
        model: as read from its folder.
        images: uint8 (patients, pixels, pixels), of the model's size.
        patients: `patient`, `rows` and `columns` of each.
    """
    from pulmo.training import boxes as detectors
    from pulmo.training.masks import predict_folds

    scale = image_scale(patients, model.pixels)
    lungs = None
    if model.networks["lungs"].files and model.fitted["lungs"] > 0:  # else they have no say
        lungs = predict_folds(*model.networks["lungs"], images).probability
    tables = {}
    any_by_head = None
    if model.networks[SEGMENTER].files:
        said = predict_folds(*model.networks[SEGMENTER], images)
        any_by_head = None if np.isnan(said.any).any() else said.any
        found = outlines(said.probability, [int(model.fitted["cut"])])
        tables[SEGMENTER] = candidate_table(found.boxes, patients["patient"], 1 / scale, found.cut)
    if model.networks[DETECTOR].files:
        keeping = detectors.Keeping(MOST, LEAST)
        folds = detectors.predict_folds(*model.networks[DETECTOR], images, keeping)
        fused = fuse_boxes(folds, [1.0] * len(folds), len(images), FOLDS_IOU)
        tables[DETECTOR] = candidate_table(fused.boxes, patients["patient"], 1 / scale)
    routes = {name: read_candidates(table, patients["patient"], scale, lungs) for name, table in tables.items()}
    classifier = model.networks["classifier"]
    probability = predict_folds(*classifier, images).any if classifier.files else any_by_head
    return Evidence(routes, np.ones(len(images)) if probability is None else probability, len(patients))
