"""Held-out patients with their true boxes and out-of-fold predictions."""

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.submission import BOX_COLUMNS
from pulmo.pipeline.runner import Run
from pulmo.report.sections import read
from pulmo.scoring.boxes import Boxes


def held_out(run: Run) -> tuple[pd.DataFrame, Boxes, Boxes]:
    """The patients (`fit_ensemble/image_scores`), true boxes, predicted boxes; `image` is the patient's row."""
    patients = read(run, "fit_ensemble/image_scores")
    places = pd.Index(patients["patient"])
    truth, found = (_boxes(read(run, name), places) for name in ("features/boxes", "fit_ensemble/out_of_fold"))
    return patients, truth, found


def _boxes(table: pd.DataFrame, patients: pd.Index) -> Boxes:
    image = patients.get_indexer(table["patient"])
    table, image = table[image >= 0], image[image >= 0]
    confidence = table["confidence"].to_numpy() if "confidence" in table else np.ones(len(table))
    return Boxes(image.astype(np.int64), table[list(BOX_COLUMNS)].to_numpy(np.float64), confidence)
