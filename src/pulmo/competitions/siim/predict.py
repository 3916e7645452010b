"""Test images and `model/` → a mask at full size for every image of the sample submission."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.competitions.siim.data import folder_of_test_images, sample
from pulmo.competitions.siim.settings import PredictSettings
from pulmo.competitions.siim.submission import IMAGE, to_submission
from pulmo.competitions.siim.thresholds import mask_of
from pulmo.competitions.siim.trained_model import TrainedModel, read_model
from pulmo.pipeline.stage import Stage, load, save
from pulmo.radiographs.cache import ImageFormat, cache_images
from pulmo.radiographs.files import ImageFolder, requested_images
from pulmo.scoring.rle import EMPTY, encode, parse, to_text


def run(stage: Stage, settings: PredictSettings) -> None:
    """Write `images` at network size, `predictions` (`image`, `cell`, `presence`, `error`) and, as text, `submission`.

    An image that is missing or cannot be read gets an empty mask.
    """
    model = read_model(stage.input("fit_ensemble/model"))
    folder = ImageFolder(folder_of_test_images(stage.data))
    ids, files = requested_images(stage, sample(stage.data), IMAGE, folder)
    headers = cache_images(stage, "images", files, ImageFormat(model.pixels, model.clahe_clip_limit))
    predicted = stage.checkpoint("networks", partial(_predict, stage, model))
    presence = load(predicted / "presence.npy")
    predictions = headers.copy()
    predictions["cell"] = _cells(stage, model, headers, load(predicted / "mask.npy"), presence)
    predictions["presence"] = np.where(headers["error"].isna(), presence, 0)
    predictions = predictions.reindex(pd.Index(ids, name="image"))
    predictions = predictions[["cell", "presence", "error"]].fillna({"cell": EMPTY, "presence": 0.0}).reset_index()
    stage.write("predictions", predictions)
    stage.write_csv("submission", to_submission(ids, parse(predictions["cell"].to_list())))


def _predict(stage: Stage, model: TrainedModel, folder: Path) -> None:
    """The mean over the folds' networks."""
    from pulmo.training.device import computing_on
    from pulmo.training.inference import MaskPredictor, predict_mean

    images = np.load(stage.workspace / "images.npy", mmap_mode="r")
    with computing_on(stage.device):
        predictor = partial(MaskPredictor, tta_flip=model.segmenter.tta_flip)
        predictions = predict_mean(model.segmenter.files, {"image": images}, predictor)
    for name, values in predictions.items():
        save(folder / name, values)


def _cells(
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
