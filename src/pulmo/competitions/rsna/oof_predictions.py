"""The training stages' out-of-fold outputs → what the ensemble is fitted to."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.candidate_boxes import read_candidates, share_in_lungs
from pulmo.competitions.rsna.ensemble import DETECTOR, METHODS, SEGMENTER, Method, Predictions
from pulmo.competitions.rsna.features import image_scale
from pulmo.competitions.rsna.submission import BOX_COLUMNS
from pulmo.pipeline.stage import Stage
from pulmo.scoring.boxes import Boxes
from pulmo.training.folds import folds_by_group

NEW_FOLDS = 5
ROUTE_STAGES = {SEGMENTER: "train_segmenter", DETECTOR: "train_detector"}


class OutOfFold(NamedTuple):
    """Every network's predictions for images of patients it was not trained on.

    Attributes:
        image_table: those with a readable X-ray and predictions of all families, a row each, in the order that
            `image` counts.
        predictions: for them.
        truth: their boxes.
        fold: (images,) int64, by which the ensemble is cross-fitted: the networks' own or, where there is one network
            only, whose patients no network was trained on, new ones.
        classified, lungs: whether a network predicts if there is pneumonia at all, and whether lungs were segmented.
    """

    image_table: pd.DataFrame
    predictions: Predictions
    truth: Boxes
    fold: np.ndarray
    classified: bool
    lungs: bool

    @property
    def methods(self) -> list[Method]:
        """Those whose networks have been trained."""
        return [
            method
            for method in METHODS
            if self.predictions.routes.keys() >= set(method.routes)
            and method.classified <= self.classified
            and method.lungs <= self.lungs
        ]


def read_out_of_fold(stage: Stage) -> OutOfFold:
    """The training stages' outputs."""
    routes = [route for route, name in ROUTE_STAGES.items() if _networks(stage, name)]
    counts = [_networks(stage, name) for name in (*ROUTE_STAGES.values(), "train_classifier")]
    counts.append(stage.read("train_lungs/history")["fold"].nunique())  # none where the network came from elsewhere
    table = stage.read("features/image_table")
    # The image of an X-ray that could not be read is black.
    predicted = ((table["fold"] < min(count for count in counts if count)) & table["error"].isna()).to_numpy()
    image_table = table[predicted].reset_index(drop=True)
    candidates = {
        route: read_candidates(stage.read(f"{ROUTE_STAGES[route]}/out_of_fold"), image_table["image"])
        for route in routes
    }
    lungs = stage.read("train_lungs/masks")
    if len(lungs):
        scale = image_scale(image_table, stage.read("features/description")["pixels"])
        for route, found in candidates.items():
            in_lungs = share_in_lungs(found.boxes, scale, lungs, np.flatnonzero(predicted))
            candidates[route] = found._replace(in_lungs=in_lungs)
    probability = _probability(stage, image_table)
    classified = probability is not None
    predictions = Predictions(
        candidates, np.ones(len(image_table)) if probability is None else probability, len(image_table)
    )
    fold = image_table["fold"].to_numpy(np.int64)
    if len(np.unique(fold)) == 1:
        fold = folds_by_group(image_table["patient"].to_numpy(), NEW_FOLDS, stage.seed)
    return OutOfFold(image_table, predictions, _truth(stage, image_table), fold, classified, len(lungs) > 0)


def _networks(stage: Stage, name: str) -> int:
    """How many networks a stage has trained: one for each of the first so many folds."""
    return len(list(stage.input(f"{name}/models").glob("*.keras")))


def _probability(stage: Stage, image_table: pd.DataFrame) -> np.ndarray | None:
    """Of pneumonia, by the classifier or else by the segmenter's presence head, (images,); None without either."""
    if _networks(stage, "train_classifier"):
        found = stage.read("train_classifier/out_of_fold").set_index("image")["probability"]
    else:
        found = stage.read("train_segmenter/image_scores").set_index("image")["presence"].dropna()
    return None if found.empty else np.asarray(found.loc[image_table["image"]], np.float64)


def _truth(stage: Stage, image_table: pd.DataFrame) -> Boxes:
    boxes = stage.read("features/boxes")
    places = pd.Index(image_table["image"]).get_indexer(boxes["image"])
    there = places >= 0
    xywh = boxes.loc[there, list(BOX_COLUMNS)].to_numpy(np.float64)
    return Boxes(places[there].astype(np.int64), xywh, np.ones(len(xywh)))
