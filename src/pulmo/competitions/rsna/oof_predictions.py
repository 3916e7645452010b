"""The training stages' out-of-fold outputs → what the ensemble is fitted to."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.candidate_boxes import read_candidates
from pulmo.competitions.rsna.ensemble import DETECTOR, SEGMENTER, Evidence
from pulmo.competitions.rsna.features import image_scale
from pulmo.competitions.rsna.submission import BOX_COLUMNS
from pulmo.pipeline.stage import Stage
from pulmo.scoring.boxes import Boxes
from pulmo.training.folds import folds_by_group

DEALT_ANEW = 5
ROUTE_STAGES = {SEGMENTER: "train_segmenter", DETECTOR: "train_detector"}


class OutOfFold(NamedTuple):
    """What every network says of patients it has not seen.

    Attributes:
        patients: those with a readable X-ray whom all families were asked about, a row each, in the order that `image`
            counts.
        evidence: of them.
        truth: their boxes.
        fold: (patients,) int64, by which what is fitted to all this is cross-fitted: the networks' own or, where there
            is one network only, whose patients no network has seen, dealt anew.
        classified, lungs: whether anything says if there is pneumonia at all, and whether lungs were looked for.
    """

    patients: pd.DataFrame
    evidence: Evidence
    truth: Boxes
    fold: np.ndarray
    classified: bool
    lungs: bool


def read_out_of_fold(stage: Stage) -> OutOfFold:
    """What the training stages left."""
    routes = [route for route, name in ROUTE_STAGES.items() if _networks(stage, name)]
    counts = [_networks(stage, name) for name in (*ROUTE_STAGES.values(), "train_classifier")]
    counts.append(stage.read("train_lungs/history")["fold"].nunique())  # none where the network came from elsewhere
    everybody = stage.read("features/patients")
    # Of an X-ray that could not be read, no network has seen anything.
    asked = ((everybody["fold"] < min(count for count in counts if count)) & everybody["error"].isna()).to_numpy()
    patients = everybody[asked].reset_index(drop=True)
    masks = stage.read("train_lungs/masks")
    lungs = masks[asked] if len(masks) else None
    scale = image_scale(patients, stage.read("features/description")["pixels"])
    candidates = {
        route: read_candidates(stage.read(f"{ROUTE_STAGES[route]}/out_of_fold"), patients["patient"], scale, lungs)
        for route in routes
    }
    probability = _probability(stage, patients)
    classified = probability is not None
    evidence = Evidence(candidates, np.ones(len(patients)) if probability is None else probability, len(patients))
    fold = patients["fold"].to_numpy(np.int64)
    if len(np.unique(fold)) == 1:
        fold = folds_by_group(patients["person"].to_numpy(), DEALT_ANEW, stage.seed)
    return OutOfFold(patients, evidence, _truth(stage, patients), fold, classified, lungs is not None)


def _networks(stage: Stage, name: str) -> int:
    """How many networks a stage has trained: one for each of the first so many folds."""
    return len(list(stage.input(f"{name}/models").glob("*.keras")))


def _probability(stage: Stage, patients: pd.DataFrame) -> np.ndarray | None:
    """That there is anything, by the classifier or else by the segmenter's head, (patients,); None without either."""
    if _networks(stage, "train_classifier"):
        said = stage.read("train_classifier/out_of_fold").set_index("patient")["probability"]
    else:
        said = stage.read("train_segmenter/pictures").set_index("patient")["any"].dropna()
    return None if said.empty else np.asarray(said.loc[patients["patient"]], np.float64)


def _truth(stage: Stage, patients: pd.DataFrame) -> Boxes:
    boxes = stage.read("features/boxes")
    places = pd.Index(patients["patient"]).get_indexer(boxes["patient"])
    there = places >= 0
    xywh = boxes.loc[there, list(BOX_COLUMNS)].to_numpy(np.float64)
    return Boxes(places[there].astype(np.int64), xywh, np.ones(len(xywh)))
