"""All networks' predictions for some images → boxes; few constants, fitted by the metric.

A route's boxes are those of one mask threshold that lie in the lungs by enough, of images whose probability by the
classifier is high enough; that probability scales their confidence. Then routes are fused, boxes of little confidence
dropped, the others made smaller.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.blending.boxes import Finish, Fused, finish_boxes, fuse_boxes
from pulmo.blending.parameters import coordinate_search
from pulmo.competition import BlendParameter
from pulmo.competitions.rsna.candidate_boxes import NO_THRESHOLD, Candidates
from pulmo.scoring.box_precision import box_precision, mean_precision
from pulmo.scoring.boxes import Boxes, no_boxes

SEGMENTER, DETECTOR = "segmenter", "detector"
TRIED = 40
KEPT, THRESHOLD = "kept", "threshold"
"""During the search, so many boxes an image are kept, whatever their confidence; the result is a threshold, because at
prediction there may be one image alone."""


class Predictions(NamedTuple):
    """The networks' predictions for some images.

    Attributes:
        routes: each route's boxes.
        probability: (images,) float64 that there is anything; 1 without a classifier.
        images: how many there are; `image` of every box is below.
    """

    routes: dict[str, Candidates]
    probability: np.ndarray
    images: int

    def of(self, which: np.ndarray) -> "Predictions":
        """Of some images, (images,) bool, numbered anew."""
        place = np.cumsum(which) - 1
        routes = {}
        for name, candidates in self.routes.items():
            kept = which[candidates.boxes.image]
            boxes = candidates.boxes.take(kept)
            routes[name] = Candidates(
                boxes._replace(image=place[boxes.image]), candidates.mask_threshold[kept], candidates.in_lungs[kept]
            )
        return Predictions(routes, self.probability[which], int(which.sum()))


def blend_parameters_for(predictions: Predictions, classified: bool, lungs: bool) -> dict[str, BlendParameter]:
    """The parameters to fit, for the routes there are."""
    parameters = {}
    if SEGMENTER in predictions.routes:
        thresholds = np.unique(predictions.routes[SEGMENTER].mask_threshold).tolist() or [NO_THRESHOLD]
        middle = float(thresholds[len(thresholds) // 2])
        parameters["mask_threshold"] = BlendParameter(middle, tuple(map(float, thresholds)))
    parameters[KEPT] = BlendParameter(0.4, tuple(np.arange(0.05, 1.3, 0.05).round(3).tolist()))
    if classified:
        parameters["classifier_threshold"] = BlendParameter(0.0, (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7))
        parameters["scale"] = BlendParameter(0.0, (0.25, 0.5, 1.0, 2.0))
    if lungs:
        parameters["lungs"] = BlendParameter(0.0, (0.2, 0.4, 0.6, 0.8))
    if len(predictions.routes) > 1:
        parameters["detector"] = BlendParameter(0.5, (0.0, 0.25, 0.75, 1.0))
        parameters["unmatched"] = BlendParameter(0.0, (0.1, 0.2, 0.3, 0.4))
    parameters["iou"] = BlendParameter(0.4, (0.2, 0.3, 0.5, 0.6))
    parameters["shrink"] = BlendParameter(1.0, (0.8, 0.85, 0.9, 0.95, 1.05))
    return parameters


def combine(predictions: Predictions, values: Mapping[str, float]) -> Boxes:
    """The boxes of every image, given the values that `fit_values` found (or KEPT in the place of THRESHOLD)."""
    fused = _fuse(predictions, values)
    threshold = values[THRESHOLD] if THRESHOLD in values else _threshold(fused, values[KEPT] * predictions.images)
    return finish_boxes(fused, Finish(threshold, values.get("unmatched", 0.0), values["shrink"]))


def fit_values(predictions: Predictions, truth: Boxes, parameters: Mapping[str, BlendParameter]) -> dict[str, float]:
    """Fit the parameters to the competition's metric.

    Args:
        predictions: out of fold.
        truth: the true boxes.
        parameters: from `blend_parameters_for`.

    Returns:
        A value by parameter, and THRESHOLD in the place of KEPT.
    """
    values = coordinate_search(lambda tried: _score(predictions, truth, tried), parameters)
    kept = values.pop(KEPT)
    return {**values, THRESHOLD: _threshold(_fuse(predictions, values), kept * predictions.images)}


def score_by_threshold(predictions: Predictions, truth: Boxes, values: Mapping[str, float]) -> pd.DataFrame:
    """The score at higher and lower values of THRESHOLD, all else as fitted: `threshold`, `score` and `boxes`, how
    many are kept; a row each from the least to the greatest confidence, and the fitted one."""
    fused = _fuse(predictions, values)
    confidence = fused.boxes.confidence
    spread = np.linspace(confidence.min(), confidence.max(), TRIED) if len(confidence) else confidence
    rows = []
    for threshold in np.unique([*spread, values[THRESHOLD]]).tolist():
        kept = finish_boxes(fused, Finish(threshold, values.get("unmatched", 0.0), values["shrink"]))
        score = mean_precision(box_precision(truth, kept, predictions.images))
        rows.append({"threshold": threshold, "score": score, "boxes": len(kept.image)})
    return pd.DataFrame(rows)


def cross_fit(
    predictions: Predictions, truth: Boxes, fold: np.ndarray, parameters: Mapping[str, BlendParameter]
) -> Boxes:
    """Each fold's boxes by values fitted on the other folds; `fold` (images,)."""
    parts = []
    for number in np.unique(fold):
        inside = fold == number
        learned = predictions.of(~inside)
        place = np.cumsum(~inside) - 1
        known = truth.take(~inside[truth.image])
        values = fit_values(learned, known._replace(image=place[known.image]), parameters)
        found = combine(predictions.of(inside), values)
        parts.append(found._replace(image=np.flatnonzero(inside)[found.image]))
    return Boxes(*(np.concatenate(part) for part in zip(*parts, strict=True))) if parts else no_boxes()


def _score(predictions: Predictions, truth: Boxes, values: Mapping[str, float]) -> float:
    score = mean_precision(box_precision(truth, combine(predictions, values), predictions.images))
    return 0.0 if np.isnan(score) else score


def _fuse(predictions: Predictions, values: Mapping[str, float]) -> Fused:
    share = {SEGMENTER: 1 - values.get(DETECTOR, 0.5), DETECTOR: values.get(DETECTOR, 0.5)}
    sources = []
    for candidates in predictions.routes.values():
        image = candidates.boxes.image
        kept = np.isin(candidates.mask_threshold, (NO_THRESHOLD, int(values.get("mask_threshold", NO_THRESHOLD))))
        kept &= candidates.in_lungs >= values.get("lungs", 0.0)
        kept &= predictions.probability[image] >= values.get("classifier_threshold", 0.0)
        boxes = candidates.boxes.take(kept)
        scale = predictions.probability[boxes.image] ** values.get("scale", 0.0)
        sources.append(boxes._replace(confidence=boxes.confidence * scale))
    return fuse_boxes(sources, [share[name] for name in predictions.routes], predictions.images, values["iou"])


def _threshold(fused: Fused, count: float) -> float:
    """The confidence that so many boxes have or surpass; above every one's if there are none."""
    confidence = np.sort(fused.boxes.confidence)[::-1]
    if not len(confidence):
        return 1.0
    return float(confidence[min(max(round(count), 1), len(confidence)) - 1])
