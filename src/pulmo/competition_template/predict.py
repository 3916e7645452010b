"""Test images and `model/` → the probability of each label for every image of the sample submission."""

from functools import partial

import numpy as np
import pandas as pd

from pulmo.competition_template import COMPETITION
from pulmo.competition_template.data import test_images
from pulmo.competition_template.submission import ID, LABELS
from pulmo.pipeline.model_folder import reading_model
from pulmo.pipeline.settings import Section
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import ImageFormat, cache_images
from pulmo.radiographs.files import requested_images
from pulmo.radiographs.inference import NetworkImages
from pulmo.scoring.probabilities import probability_table


def run(stage: Stage, settings: Section) -> None:
    """Write `images` at network size and `submission`; an image without a readable file gets the prevalences."""
    from pulmo.training.inference import LabelPredictor, MeanPredictor, Predictions  # loads Keras, which takes seconds

    with reading_model(stage.input("fit_ensemble/model"), COMPETITION.name) as (record, families):
        image_format = ImageFormat(record["pixels"], record["clahe_clip_limit"])
        prevalence, (files, tta_flip) = record["prevalence"], families["classifier"]
    ids, paths = requested_images(stage, stage.data / COMPETITION.sample, ID, test_images(stage.data))
    headers = cache_images(stage, "images", paths, image_format)

    def finish(_: np.ndarray, predicted: Predictions) -> dict[str, pd.DataFrame]:
        return {"labels": pd.DataFrame(predicted["probability"], columns=list(LABELS))}

    predictor = partial(MeanPredictor, files, predictor=partial(LabelPredictor, tta_flip=tta_flip))
    found = NetworkImages.of(stage, headers).predict("classifier", predictor, finish)["labels"]
    table = found.set_index(headers.index[headers["error"].isna()])
    probability = table.reindex(ids).fillna(prevalence).to_numpy()
    stage.write_csv("submission", probability_table(ids, probability, ID, LABELS))
