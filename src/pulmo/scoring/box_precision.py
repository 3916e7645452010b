"""The RSNA metric: mean precision of boxes over IoU thresholds.

An image's predictions, in order of decreasing confidence, are each matched to the unmatched true box of highest IoU if
that is strictly greater than the threshold; the image scores TP / (TP + FP + FN), averaged over the thresholds 0.40,
0.45 … 0.75. An image without a true box scores 0 if anything is predicted, and is excluded otherwise. The score is the
mean over images.
Source: the evaluation page of Kaggle's RSNA Pneumonia Detection Challenge.
"""

import numpy as np
import pandas as pd

from pulmo.errors import Fault, ParticipantVisibleError
from pulmo.scoring.boxes import COLUMN, Boxes, parse_boxes
from pulmo.scoring.metric import checked_predictions, require_solution_columns
from pulmo.scoring.tables import name_of, to_numbers

THRESHOLDS = np.arange(8, 16)
"""In twentieths, 0.40 to 0.75, so that IoUs are compared in integers."""
_TWENTIETHS = 20
_BOX = ("x", "y", "width", "height")
_GRID = 1000  # coordinates with up to three decimals are compared exactly


def box_precision(truth: Boxes, predicted: Boxes, images: int) -> np.ndarray:
    """The score of each image.

    Args:
        truth: the true boxes.
        predicted: the predicted ones; equal confidences keep their order.
        images: number of images; the `image` of every box is smaller.

    Returns:
        (images,) float64, 0 to 1; NaN for images without any box, which are excluded.
    """
    with_truth, precisions = _precisions(truth, predicted, images)
    scores = np.where(np.bincount(predicted.image, minlength=images), 0.0, np.nan)
    scores[with_truth] = precisions.mean(axis=0)
    return scores


def precision_by_threshold(truth: Boxes, predicted: Boxes, images: int) -> np.ndarray:
    """Each image's precision at each threshold, (thresholds, images); `box_precision` is the mean over thresholds."""
    with_truth, precisions = _precisions(truth, predicted, images)
    scores = np.where(np.bincount(predicted.image, minlength=images), 0.0, np.nan)
    table = np.tile(scores, (len(THRESHOLDS), 1))
    table[:, with_truth] = precisions
    return table


def mean_precision(scores: np.ndarray) -> float:
    """The competition's score from those of the images, (images,); NaN if all are excluded."""
    counted = scores[~np.isnan(scores)]
    return float(counted.mean()) if len(counted) else float("nan")


def _precisions(truth: Boxes, predicted: Boxes, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of images with a true box, and their TP / (TP + FP + FN), (thresholds, these images)."""
    true_count, count = (np.bincount(boxes.image, minlength=images) for boxes in (truth, predicted))
    # Images without a true box need no sorting or matching; small integers are sorted fastest.
    with_truth = np.flatnonzero(true_count)
    number = np.zeros(images, np.min_scalar_type(len(with_truth)))
    number[with_truth] = np.arange(len(with_truth))
    comparable = predicted.take(np.flatnonzero(true_count[predicted.image]))
    ours, theirs = (boxes._replace(image=number[boxes.image]) for boxes in (comparable, truth))
    ours = ours.take(np.lexsort((-ours.confidence, ours.image)))
    hits = _hits(theirs.take(np.argsort(theirs.image, kind="stable")), ours, len(with_truth))
    return with_truth, hits / ((true_count + count)[with_truth] - hits)


def _hits(truth: Boxes, predicted: Boxes, images: int) -> np.ndarray:
    """True positives at each threshold of each image, (thresholds, images) int.

    Boxes are sorted by image, predicted ones also by decreasing confidence. Pairs of boxes are matched in order, for
    all images at once: the first pair of each image, then the second of each.
    """
    box, true = _pairs(truth.image, predicted.image)
    intersection, union = _overlap(_exact(predicted.xywh)[box], _exact(truth.xywh)[true])
    near = _TWENTIETHS * intersection > THRESHOLDS[0] * union
    box, true, intersection, union = box[near], true[near], intersection[near], union[near]
    passed, iou = _TWENTIETHS * intersection[:, None] > THRESHOLDS * union[:, None], intersection / union
    order = np.lexsort((true, -iou, box))
    box, true, passed = box[order], true[order], passed[order]
    image = predicted.image[box]
    rank = np.arange(len(image)) - np.searchsorted(image, image)
    by_rank = np.argsort(rank, kind="stable")
    free_box, free_true = (np.ones((len(boxes.image), len(THRESHOLDS)), bool) for boxes in (predicted, truth))
    hits = np.zeros((len(THRESHOLDS), images), np.int64)
    for pairs in np.split(by_rank, np.flatnonzero(np.diff(rank[by_rank])) + 1):
        matched = passed[pairs] & free_box[box[pairs]] & free_true[true[pairs]]
        free_box[box[pairs]] &= ~matched
        free_true[true[pairs]] &= ~matched
        hits[:, image[pairs]] += matched.T
    return hits


def _pairs(true_image: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of all pairs of predicted and true boxes of the same image; both are sorted by image."""
    first = np.searchsorted(true_image, image, "left")
    count = np.searchsorted(true_image, image, "right") - first
    box = np.repeat(np.arange(len(image)), count)
    within = np.arange(len(box)) - np.repeat(np.cumsum(count) - count, count)
    return box, first[box] + within


def _exact(xywh: np.ndarray) -> np.ndarray:
    """Thousandths of a pixel, exact integers for up to three decimals, so that areas are not rounded."""
    thousandths = _GRID * xywh
    whole = np.rint(thousandths)
    return np.where(np.abs(thousandths - whole) < 1e-6 * _GRID, whole, thousandths)


def _overlap(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas of intersection and union of boxes (pairs, 4) and (pairs, 4)."""
    # Column by column: a reduction over an axis of length two or four takes several times as long.
    (x, y, width, height), (other_x, other_y, other_width, other_height) = first.T, second.T
    across = np.minimum(x + width, other_x + other_width) - np.maximum(x, other_x)
    down = np.minimum(y + height, other_y + other_height) - np.maximum(y, other_y)
    intersection = np.maximum(across, 0) * np.maximum(down, 0)
    return intersection, width * height + other_width * other_height - intersection


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The IoU of all pairs of boxes (n, 4) and (m, 4): (n, m) float64."""
    one, other = np.divmod(np.arange(len(first) * len(second)), max(1, len(second)))
    intersection, union = _overlap(first[one], second[other])
    return np.asarray(intersection / union).reshape(len(first), len(second))


def score(solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str) -> float:
    """The score of a submission, called as Kaggle calls a metric.

    Args:
        solution: columns `row_id_column_name`, `x`, `y`, `width` and `height`, one row per box; an image without a box
            has one row with NaN in these columns.
        submission: columns `row_id_column_name` and `PredictionString`; neither frame is changed.
        row_id_column_name: the id column (`patientId`).

    Raises:
        ParticipantVisibleError: a column, an id or a prediction string of the submission is invalid (lists all faults);
            or neither file has a box, so that the score is undefined.
        ValueError: the solution is invalid.
    """
    require_solution_columns(solution, (row_id_column_name, *_BOX))
    predicted = checked_predictions(submission, solution, (row_id_column_name, COLUMN), parse_boxes)
    truth = true_boxes(solution, pd.Index(submission[row_id_column_name].astype(str)), row_id_column_name)
    value = mean_precision(box_precision(truth, predicted, len(submission)))
    if np.isnan(value):
        nothing = Fault(
            name_of(submission, "submission"),
            "and the solution have no boxes, so the score is undefined",
            "Submit boxes",
        )
        raise ParticipantVisibleError(nothing)
    return value


def true_boxes(solution: pd.DataFrame, ids: pd.Index, row_id: str) -> Boxes:
    """A solution's boxes; `image` is the index of the id in `ids` (unique text, which contains all of them).

    Raises:
        ValueError: a box is not four finite numbers, or is empty.
    """
    boxed = solution[solution[list(_BOX)].notna().any(axis=1)]
    columns = [to_numbers(boxed, column, "solution") for column in _BOX]
    xywh = np.stack([values for values, _ in columns], axis=1)
    if any(faults for _, faults in columns) or (xywh[:, 2:] <= 0).any():
        messages = [str(fault) for _, faults in columns for fault in faults]
        raise ValueError("\n".join(messages) or "the solution has an empty box")
    return Boxes(ids.get_indexer(boxed[row_id].astype(str)).astype(np.int64), xywh, np.ones(len(xywh)))
