"""Test images and `model/` → a mask at full size for every image that Kaggle asks for."""

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
    """Write `images` at network size, `predictions` (`image`, `cell`, `any`, `error`) and, as text, `submission`.

    An image that is missing or cannot be read gets an empty mask.
    """
    model = read_model(stage.input("fit_ensemble/model"))
    folder = ImageFolder(folder_of_test_images(stage.data))
    asked, files = requested_images(stage, sample(stage.data), IMAGE, folder)
    headers = cache_images(stage, "images", files, ImageFormat(model.pixels, model.clahe_clip_limit))
    said = stage.checkpoint("networks", partial(_ask_networks, stage, model))
    anything = load(said / "any.npy")
    predictions = headers.copy()
    predictions["cell"] = _cells(stage, model, headers, load(said / "probability.npy"), anything)
    predictions["any"] = np.where(headers["error"].isna(), anything, 0)
    predictions = predictions.reindex(pd.Index(asked, name="image"))
    predictions = predictions[["cell", "any", "error"]].fillna({"cell": EMPTY, "any": 0.0}).reset_index()
    stage.write("predictions", predictions)
    stage.write_csv("submission", to_submission(asked, parse(predictions["cell"].to_list())))


def _ask_networks(stage: Stage, model: TrainedModel, folder: Path) -> None:
    """The folds' mean, once for all."""
    from pulmo.training.device import computing_on
    from pulmo.training.masks import predict_folds

    with computing_on(stage.device):
        images = np.load(stage.workspace / "images.npy", mmap_mode="r")
        said = predict_folds(*model.segmenter, images)
    save(folder / "probability", said.probability)
    save(folder / "any", said.any)


def _cells(
    stage: Stage, model: TrainedModel, headers: pd.DataFrame, probability: np.ndarray, anything: np.ndarray
) -> list[str]:
    """The mask of each image at its full size, as text."""
    from pulmo.training.masks import upsampled

    cells = []
    for number, row in enumerate(stage.progress(headers.to_dict("records"), "masks")):
        if row["error"] is not None:
            cells.append(EMPTY)
            continue
        large = upsampled(probability[number], (int(row["rows"]), int(row["columns"])))
        cells += to_text(encode(mask_of(large, float(anything[number]), model.thresholds)[None]))
    return cells
