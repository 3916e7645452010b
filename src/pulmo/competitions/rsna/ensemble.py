"""All networks' predictions for some images → boxes; few constants, fitted by the metric.

A route's boxes are those of one mask threshold that lie in the lungs by enough, of images whose probability by the
classifier is high enough; that probability scales their confidence. Then routes are fused, boxes of little confidence
dropped, the others made smaller. A method does some of this; the ensemble is the method that is best on images it was
not fitted to, so that a route or a classifier that does harm is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.blending.boxes import Finish, Fused, finish_boxes, fuse_boxes
from pulmo.blending.parameters import coordinate_search
from pulmo.competitions.rsna.candidate_boxes import NO_THRESHOLD, Candidates
from pulmo.protocols import BlendParameter
from pulmo.scoring.box_precision import box_precision, mean_precision
from pulmo.scoring.boxes import Boxes, no_boxes

SEGMENTER, DETECTOR = "segmenter", "detector"
TRIED = 40
INNER_PARTS = 2
KEPT, THRESHOLD, UNMATCHED, SHRINK = "kept", "threshold", "unmatched", "shrink"
"""During the search, so many boxes an image are kept, whatever their confidence; the result is a threshold, because at
prediction there may be one image alone."""
FINISHING = (KEPT, UNMATCHED, SHRINK)
"""What is done with boxes once they are fused."""


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


class Method(NamedTuple):
    """What boxes are made from: which routes, and whether classifier and lungs filter them."""

    name: str
    routes: tuple[str, ...]
    classified: bool = False
    lungs: bool = False


METHODS = (
    Method("1 segmenter, the report's", (SEGMENTER,)),
    Method("2 segmenter and classifier", (SEGMENTER,), classified=True),
    Method("2 segmenter and lungs", (SEGMENTER,), lungs=True),
    Method("2 segmenter, classifier and lungs", (SEGMENTER,), classified=True, lungs=True),
    Method("3 detector", (DETECTOR,)),
    Method("3 detector and classifier", (DETECTOR,), classified=True),
    Method("3 detector, classifier and lungs", (DETECTOR,), classified=True, lungs=True),
    Method("1 to 3 fused", (SEGMENTER, DETECTOR)),
    Method("1 to 3 fused, classifier", (SEGMENTER, DETECTOR), classified=True),
    Method("1 to 3 fused, classifier and lungs", (SEGMENTER, DETECTOR), classified=True, lungs=True),
)
"""The ensemble is the one of these that is best on images it was not fitted to."""


class Fitted(NamedTuple):
    """A method and its values: of every parameter, also of those that it does without, and THRESHOLD."""

    method: Method
    values: dict[str, float]


def blend_parameters_for(predictions: Predictions, method: Method) -> dict[str, BlendParameter]:
    """The method's parameters; those that it does without have no candidates."""
    parameters = {}
    if SEGMENTER in predictions.routes:
        thresholds = np.unique(predictions.routes[SEGMENTER].mask_threshold).tolist() or [NO_THRESHOLD]
        middle = float(thresholds[len(thresholds) // 2])
        parameters["mask_threshold"] = _parameter(middle, tuple(map(float, thresholds)), SEGMENTER in method.routes)
    fused = len(method.routes) > 1
    parameters[KEPT] = BlendParameter(0.4, tuple(np.arange(0.05, 1.3, 0.05).round(3).tolist()))
    chances = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
    parameters["classifier_threshold"] = _parameter(0.0, chances, method.classified)
    parameters["scale"] = _parameter(0.0, (0.25, 0.5, 1.0, 2.0), method.classified)
    parameters["lungs"] = _parameter(0.0, (0.2, 0.4, 0.6, 0.8), method.lungs)
    parameters["detector"] = _parameter(0.5 if fused else float(DETECTOR in method.routes), (0.25, 0.75), fused)
    parameters[UNMATCHED] = _parameter(0.0, (0.1, 0.2, 0.3, 0.4), fused)
    parameters["iou"] = BlendParameter(0.4, (0.2, 0.3, 0.5, 0.6))
    parameters[SHRINK] = BlendParameter(1.0, (0.8, 0.85, 0.9, 0.95, 1.05))
    return parameters


def _parameter(default: float, candidates: tuple[float, ...], used: bool) -> BlendParameter:
    return BlendParameter(default, candidates if used else ())


def combine(predictions: Predictions, values: Mapping[str, float]) -> Boxes:
    """The boxes of every image, given the values that `fit_method` found."""
    return _finish(_fuse(predictions, values), values)


Fit = Callable[[Predictions, Boxes, np.ndarray], Fitted]
"""Out-of-fold predictions, true boxes and the fold of each image, (images,) → what is fitted to them."""


def fit_method(method: Method) -> Fit:
    """The method's parameters are fitted to the competition's metric."""

    def fit(predictions: Predictions, truth: Boxes, _: np.ndarray) -> Fitted:
        @lru_cache(maxsize=8)  # fusing takes most of the time, and every other candidate changes nothing of it
        def fused(fusing: tuple[tuple[str, float], ...]) -> Fused:
            return _fuse(predictions, dict(fusing))

        def at(values: Mapping[str, float]) -> tuple[Fused, float]:
            boxes = fused(tuple((name, value) for name, value in values.items() if name not in FINISHING))
            return boxes, _threshold(boxes, values[KEPT] * predictions.images)

        def score(values: Mapping[str, float]) -> float:
            boxes, threshold = at(values)
            return _score(predictions, truth, _finish(boxes, {**values, THRESHOLD: threshold}))

        values = coordinate_search(score, blend_parameters_for(predictions, method))
        values[THRESHOLD] = at(values)[1]
        del values[KEPT]
        return Fitted(method, values)

    return fit


def fit_best(methods: Sequence[Method]) -> Fit:
    """The method is chosen that scores best when cross-fitted; of equals, the first; then fitted to all images."""

    def fit(predictions: Predictions, truth: Boxes, fold: np.ndarray) -> Fitted:
        _, numbers = np.unique(fold, return_inverse=True)
        # Folds are joined to few parts, because each costs a fit of every method; one fold is parted by images.
        parts = (numbers if numbers.any() else np.arange(len(fold))) % INNER_PARTS
        scores = [
            _score(predictions, truth, cross_fit(predictions, truth, parts, fit_method(method))) for method in methods
        ]
        return fit_method(methods[int(np.argmax(scores))])(predictions, truth, fold)

    return fit if len(methods) > 1 else fit_method(methods[0])


def score_by_threshold(predictions: Predictions, truth: Boxes, values: Mapping[str, float]) -> pd.DataFrame:
    """The score at higher and lower values of THRESHOLD, all else as fitted: `threshold`, `score` and `boxes`, how
    many are kept; a row each from the least to the greatest confidence, and the fitted one."""
    fused = _fuse(predictions, values)
    confidence = fused.boxes.confidence
    spread = np.linspace(confidence.min(), confidence.max(), TRIED) if len(confidence) else confidence
    rows = []
    for threshold in np.unique([*spread, values[THRESHOLD]]).tolist():
        kept = _finish(fused, {**values, THRESHOLD: threshold})
        score = mean_precision(box_precision(truth, kept, predictions.images))
        rows.append({"threshold": threshold, "score": score, "boxes": len(kept.image)})
    return pd.DataFrame(rows)


def cross_fit(predictions: Predictions, truth: Boxes, fold: np.ndarray, fit: Fit) -> Boxes:
    """Each fold's boxes by what is fitted on the other folds; `fold` (images,)."""
    parts = []
    for number in np.unique(fold):
        inside = fold == number
        learned = predictions.of(~inside)
        place = np.cumsum(~inside) - 1
        known = truth.take(~inside[truth.image])
        fitted = fit(learned, known._replace(image=place[known.image]), fold[~inside])
        found = combine(predictions.of(inside), fitted.values)
        parts.append(found._replace(image=np.flatnonzero(inside)[found.image]))
    return Boxes(*(np.concatenate(part) for part in zip(*parts, strict=True))) if parts else no_boxes()


def _score(predictions: Predictions, truth: Boxes, found: Boxes) -> float:
    score = mean_precision(box_precision(truth, found, predictions.images))
    return 0.0 if np.isnan(score) else score


def _fuse(predictions: Predictions, values: Mapping[str, float]) -> Fused:
    share = {SEGMENTER: 1 - values["detector"], DETECTOR: values["detector"]}
    sources = []
    for candidates in predictions.routes.values():
        image = candidates.boxes.image
        kept = np.isin(candidates.mask_threshold, (NO_THRESHOLD, int(values.get("mask_threshold", NO_THRESHOLD))))
        kept &= candidates.in_lungs >= values["lungs"]
        kept &= predictions.probability[image] >= values["classifier_threshold"]
        boxes = candidates.boxes.take(kept)
        scale = predictions.probability[boxes.image] ** values["scale"]
        sources.append(boxes._replace(confidence=boxes.confidence * scale))
    return fuse_boxes(sources, [share[name] for name in predictions.routes], predictions.images, values["iou"])


def _finish(fused: Fused, values: Mapping[str, float]) -> Boxes:
    return finish_boxes(fused, Finish(values[THRESHOLD], values[UNMATCHED], values[SHRINK]))


def _threshold(fused: Fused, count: float) -> float:
    """The confidence that so many boxes have or surpass; above every one's if there are none."""
    confidence = np.sort(fused.boxes.confidence)[::-1]
    if not len(confidence):
        return 1.0
    return float(confidence[min(max(round(count), 1), len(confidence)) - 1])
