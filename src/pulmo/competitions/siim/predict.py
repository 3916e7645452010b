"""Test images and `model/` → a mask at full size for every image of the sample submission."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulmo.competitions.siim.data import folder_of_test_images, sample
from pulmo.competitions.siim.settings import PredictSettings
from pulmo.competitions.siim.submission import IMAGE, to_submission
from pulmo.competitions.siim.thresholds import Thresholds, mask_of
from pulmo.competitions.siim.trained_model import read_model
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import ImageFormat, cache_images
from pulmo.radiographs.files import ImageFolder, requested_images
from pulmo.radiographs.inference import NetworkImages
from pulmo.scoring.rle import EMPTY, encode, parse, to_text

if TYPE_CHECKING:
    from pulmo.training.inference import Predictions


def run(stage: Stage, settings: PredictSettings) -> None:
    """Write `images` at network size, `predictions` (`image`, `rle`, `presence`, `error`) and, as text, `submission`.

    An image that is missing or cannot be read gets an empty mask.
    """
    from pulmo.training.inference import MaskPredictor, MeanPredictor  # loads Keras, which takes seconds

    model = read_model(stage.input("fit_ensemble/model"))
    folder = ImageFolder(folder_of_test_images(stage.data))
    ids, paths = requested_images(stage, sample(stage.data), IMAGE, folder)
    headers = cache_images(stage, "images", paths, ImageFormat(model.pixels, model.clahe_clip_limit))
    readable = headers[headers["error"].isna()]
    files, tta_flip = model.segmenter
    predictor = partial(MeanPredictor, files, predictor=partial(MaskPredictor, tta_flip=tta_flip))
    finish = partial(_masks, readable, model.thresholds)
    found = NetworkImages.of(stage, headers).predict("segmenter", predictor, finish)["masks"]
    predictions = found.set_index(readable.index).reindex(pd.Index(ids, name="image"))
    predictions["error"] = headers["error"].reindex(ids)
    predictions = predictions.fillna({"rle": EMPTY, "presence": 0.0}).reset_index()
    stage.write("predictions", predictions)
    stage.write_csv("submission", to_submission(ids, parse(predictions["rle"].to_list())))


def _masks(
    headers: pd.DataFrame, thresholds: Thresholds, part: np.ndarray, predicted: "Predictions"
) -> dict[str, pd.DataFrame]:
    """The mask of each image at its full size, as text, and its presence."""
    from pulmo.training.inference import upsampled

    sides = headers[["rows", "columns"]].to_numpy(np.int64)[part].tolist()
    cells = []
    for probability, presence, (rows, columns) in zip(predicted["mask"], predicted["presence"], sides, strict=True):
        mask = mask_of(upsampled(probability, (rows, columns)), float(presence), thresholds)
        cells += to_text(encode(mask[None]))
    return {"masks": pd.DataFrame({"rle": cells, "presence": predicted["presence"]})}
