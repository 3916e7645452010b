"""Test images and `model/` → a mask at full size for every image of the sample submission."""

from functools import partial

import numpy as np
import pandas as pd

from pulmo.competitions.siim.data import folder_of_test_images, sample
from pulmo.competitions.siim.settings import PredictSettings
from pulmo.competitions.siim.submission import IMAGE, to_submission
from pulmo.competitions.siim.thresholds import mask_of
from pulmo.competitions.siim.trained_model import TrainedModel, read_model
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import ImageFormat
from pulmo.radiographs.files import ImageFolder, requested_images
from pulmo.radiographs.inference import predict_images
from pulmo.scoring.rle import EMPTY, encode, parse, to_text


def run(stage: Stage, settings: PredictSettings) -> None:
    """Write `images` at network size, `predictions` (`image`, `rle`, `presence`, `error`) and, as text, `submission`.

    An image that is missing or cannot be read gets an empty mask.
    """
    from pulmo.training.inference import MaskPredictor  # loads Keras, which takes seconds

    model = read_model(stage.input("fit_ensemble/model"))
    folder = ImageFolder(folder_of_test_images(stage.data))
    ids, files = requested_images(stage, sample(stage.data), IMAGE, folder)
    image_format = ImageFormat(model.pixels, model.clahe_clip_limit)
    predictor = partial(MaskPredictor, tta_flip=model.segmenter.tta_flip)
    headers, predicted = predict_images(stage, files, image_format, model.segmenter.files, predictor)
    presence = predicted["presence"]
    predictions = headers.copy()
    predictions["rle"] = _run_lengths(stage, model, headers, predicted["mask"], presence)
    predictions["presence"] = np.where(headers["error"].isna(), presence, 0)
    predictions = predictions.reindex(pd.Index(ids, name="image"))
    predictions = predictions[["rle", "presence", "error"]].fillna({"rle": EMPTY, "presence": 0.0}).reset_index()
    stage.write("predictions", predictions)
    stage.write_csv("submission", to_submission(ids, parse(predictions["rle"].to_list())))


def _run_lengths(
    stage: Stage, model: TrainedModel, headers: pd.DataFrame, probability: np.ndarray, presence: np.ndarray
) -> list[str]:
    """The mask of each image at its full size, as text."""
    from pulmo.training.inference import upsampled

    cells = []
    for number, row in enumerate(stage.progress(headers.to_dict("records"), "masks")):
        if row["error"] is not None:
            cells.append(EMPTY)
            continue
        large = upsampled(probability[number], (int(row["rows"]), int(row["columns"])))
        cells += to_text(encode(mask_of(large, float(presence[number]), model.thresholds)[None]))
    return cells
