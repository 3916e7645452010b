"""Held-out X-rays with their true boxes and out-of-fold predictions."""

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.submission import BOX_COLUMNS
from pulmo.pipeline.runner import Run
from pulmo.report.sections import read
from pulmo.scoring.boxes import Boxes


def held_out(run: Run) -> tuple[pd.DataFrame, Boxes, Boxes]:
    """The images (`fit_ensemble/image_scores`), true boxes, predicted boxes; `image` of a box is its image's row."""
    images = read(run, "fit_ensemble/image_scores")
    places = pd.Index(images["image"])
    truth, found = (_boxes(read(run, name), places) for name in ("features/boxes", "fit_ensemble/out_of_fold"))
    return images, truth, found


def _boxes(table: pd.DataFrame, images: pd.Index) -> Boxes:
    image = images.get_indexer(table["image"])
    table, image = table[image >= 0], image[image >= 0]
    confidence = table["confidence"].to_numpy() if "confidence" in table else np.ones(len(table))
    return Boxes(image.astype(np.int64), table[list(BOX_COLUMNS)].to_numpy(np.float64), confidence)
