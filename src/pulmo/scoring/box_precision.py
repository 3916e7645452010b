"""The RSNA metric: mean precision of boxes over thresholds of their overlap with the true ones.

An image's predictions, in falling confidence, each take the free true box of highest IoU if that is strictly greater
than the threshold; the image scores TP / (TP + FP + FN), averaged over the thresholds 0.40, 0.45 … 0.75. An image
without a true box scores 0 if anything is predicted, and is left out if nothing is. The score is the mean over images.
Source: the evaluation page of Kaggle's RSNA Pneumonia Detection Challenge.
"""

import numpy as np
import pandas as pd

from pulmo.errors import Fault, ParticipantVisibleError
from pulmo.scoring.boxes import COLUMN, Boxes, parse_boxes
from pulmo.scoring.metric import checked_predictions
from pulmo.scoring.tables import name_of, to_numbers

THRESHOLDS = np.arange(8, 16)
"""In twentieths: 0.40 to 0.75, so that an IoU can be compared with them in whole numbers."""
_TWENTIETHS = 20
_GRID = 1000  # coordinates are compared exactly if they have up to three decimals


def box_precision(truth: Boxes, predicted: Boxes, images: int) -> np.ndarray:
    """The score of each image.

    Args:
        truth: the true boxes.
        predicted: the predicted ones; equal confidences keep their order.
        images: how many there are; the `image` of every box is below.

    Returns:
        (images,) float64, 0 to 1; NaN for images without any box, which do not count.
    """
    hittable, shares = _precisions(truth, predicted, images)
    scores = np.where(np.bincount(predicted.image, minlength=images), 0.0, np.nan)
    scores[hittable] = shares.mean(axis=0)
    return scores


def precision_by_threshold(truth: Boxes, predicted: Boxes, images: int) -> np.ndarray:
    """The same at each threshold, (THRESHOLDS, images): `box_precision` is their mean."""
    hittable, shares = _precisions(truth, predicted, images)
    scores = np.where(np.bincount(predicted.image, minlength=images), 0.0, np.nan)
    table = np.tile(scores, (len(THRESHOLDS), 1))
    table[:, hittable] = shares
    return table


def mean_precision(scores: np.ndarray) -> float:
    """The competition's score from those of the images, (images,); NaN if none counts."""
    counted = scores[~np.isnan(scores)]
    return float(counted.mean()) if len(counted) else float("nan")


def _precisions(truth: Boxes, predicted: Boxes, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Which images have a true box; and their TP / (TP + FP + FN) at each threshold, (thresholds, these images)."""
    true_count, count = (np.bincount(boxes.image, minlength=images) for boxes in (truth, predicted))
    # Where there is nothing to hit, nothing needs to be sorted or compared; small numbers are sorted fastest.
    hittable = np.flatnonzero(true_count)
    number = np.zeros(images, np.min_scalar_type(len(hittable)))
    number[hittable] = np.arange(len(hittable))
    comparable = predicted.take(np.flatnonzero(true_count[predicted.image]))
    ours, theirs = (boxes._replace(image=number[boxes.image]) for boxes in (comparable, truth))
    ours = ours.take(np.lexsort((-ours.confidence, ours.image)))
    hits = _hits(theirs.take(np.argsort(theirs.image, kind="stable")), ours, len(hittable))
    return hittable, hits / ((true_count + count)[hittable] - hits)


def _hits(truth: Boxes, predicted: Boxes, images: int) -> np.ndarray:
    """True positives at each threshold of each image, (thresholds, images) int.

    The boxes are in order of image, those predicted within it in falling confidence. Pairs of boxes are gone through in
    the order in which they may be matched, all images at once: the first pair of each image, then the second of each.
    """
    box, true = _pairs(truth.image, predicted.image)
    intersection, union = _overlap(_exact(predicted.xywh)[box], _exact(truth.xywh)[true])
    near = _TWENTIETHS * intersection > THRESHOLDS[0] * union
    box, true, intersection, union = box[near], true[near], intersection[near], union[near]
    passed, iou = _TWENTIETHS * intersection[:, None] > THRESHOLDS * union[:, None], intersection / union
    order = np.lexsort((true, -iou, box))
    box, true, passed = box[order], true[order], passed[order]
    image = predicted.image[box]
    turn = np.arange(len(image)) - np.searchsorted(image, image)
    by_turn = np.argsort(turn, kind="stable")
    free_box, free_true = (np.ones((len(boxes.image), len(THRESHOLDS)), bool) for boxes in (predicted, truth))
    hits = np.zeros((len(THRESHOLDS), images), np.int64)
    for pairs in np.split(by_turn, np.flatnonzero(np.diff(turn[by_turn])) + 1):
        matched = passed[pairs] & free_box[box[pairs]] & free_true[true[pairs]]
        free_box[box[pairs]] &= ~matched
        free_true[true[pairs]] &= ~matched
        hits[:, image[pairs]] += matched.T
    return hits


def _pairs(true_image: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every predicted with every true box of the same image, as indices; both are sorted by image."""
    first = np.searchsorted(true_image, image, "left")
    count = np.searchsorted(true_image, image, "right") - first
    box = np.repeat(np.arange(len(image)), count)
    within = np.arange(len(box)) - np.repeat(np.cumsum(count) - count, count)
    return box, first[box] + within


def _exact(xywh: np.ndarray) -> np.ndarray:
    """In thousandths of a pixel, whole numbers where the decimals are a thousandth's: then areas have no rounding."""
    thousandths = _GRID * xywh
    whole = np.rint(thousandths)
    return np.where(np.abs(thousandths - whole) < 1e-6 * _GRID, whole, thousandths)


def _overlap(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas of intersection and union of boxes (pairs, 4) and (pairs, 4)."""
    # Column by column: a reduction over an axis of two or four takes several times as long.
    (x, y, width, height), (other_x, other_y, other_width, other_height) = first.T, second.T
    across = np.minimum(x + width, other_x + other_width) - np.maximum(x, other_x)
    down = np.minimum(y + height, other_y + other_height) - np.maximum(y, other_y)
    intersection = np.maximum(across, 0) * np.maximum(down, 0)
    return intersection, width * height + other_width * other_height - intersection


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The IoU of every box of the first (n, 4) with every one of the second (m, 4): (n, m) float64."""
    one, other = np.divmod(np.arange(len(first) * len(second)), max(1, len(second)))
    intersection, union = _overlap(first[one], second[other])
    return np.asarray(intersection / union).reshape(len(first), len(second))


def score(solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str) -> float:
    """The score of a submission, called as Kaggle calls a metric.

    Args:
        solution: columns `row_id_column_name`, `x`, `y`, `width` and `height`, a row a box; an image without a box
            has one row, whose four cells are empty (NaN).
        submission: columns `row_id_column_name` and `PredictionString`; neither frame is changed.
        row_id_column_name: the id column (`patientId`).

    Raises:
        ParticipantVisibleError: a column, an id or a cell of the submission is wrong, every fault named; or neither
            file has a box, so that there is nothing to score.
        ValueError: the solution itself is wrong.
    """
    predicted = checked_predictions(submission, solution, (row_id_column_name, COLUMN), parse_boxes)
    truth = true_boxes(solution, pd.Index(submission[row_id_column_name].astype(str)), row_id_column_name)
    value = mean_precision(box_precision(truth, predicted, len(submission)))
    if np.isnan(value):
        nothing = Fault(name_of(submission, "submission"), "has no box, nor has the solution", "Nothing can be scored")
        raise ParticipantVisibleError(nothing)
    return value


def true_boxes(solution: pd.DataFrame, ids: pd.Index, row_id: str) -> Boxes:
    """A solution's boxes, `image` being the place of their id among `ids` (unique text, all of them known).

    Raises:
        ValueError: a box is not four finite numbers, or has no size.
    """
    boxed = solution[solution[["x", "y", "width", "height"]].notna().any(axis=1)]
    columns = [to_numbers(boxed, column, "solution") for column in ("x", "y", "width", "height")]
    xywh = np.stack([values for values, _ in columns], axis=1)
    if any(faults for _, faults in columns) or (xywh[:, 2:] <= 0).any():
        words = [str(fault) for _, faults in columns for fault in faults]
        raise ValueError("\n".join(words) or "the solution has a box without size")
    return Boxes(ids.get_indexer(boxed[row_id].astype(str)).astype(np.int64), xywh, np.ones(len(xywh)))
