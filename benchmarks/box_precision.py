"""Speed of RSNA's metric against a plain Python loop, and of weighted box fusion against ensemble-boxes.

    .venv/bin/python benchmarks/box_precision.py

26,684 images, with boxes in as many as in the competition, and two predictions each. The loop is a direct
implementation of the definition, image by image and box by box: over rows of NumPy arrays, as in the competition's
notebooks, and over lists, which is faster. ensemble-boxes, if installed, is called image by image, as its API requires.
"""

import importlib
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from pulmo.blending.boxes import fuse_boxes
from pulmo.commands.console import show_table
from pulmo.scoring.box_precision import box_precision, mean_precision, score
from pulmo.scoring.boxes import Boxes, corners, format_boxes

IMAGES, POSITIVE, PREDICTIONS = 26_684, 6_012, 2
THRESHOLDS = [0.4 + 0.05 * step for step in range(8)]


def main() -> None:
    rng = np.random.default_rng(0)
    truth = boxes(rng, np.repeat(rng.choice(IMAGES, POSITIVE, replace=False), rng.integers(1, 3, POSITIVE)))
    image = np.repeat(np.arange(IMAGES), PREDICTIONS)
    predicted = boxes(rng, image)
    near = np.flatnonzero(np.isin(image, truth.image))
    hit = truth.xywh[np.searchsorted(np.sort(truth.image), image[near]) % len(truth.image)]
    predicted.xywh[near] = hit + rng.integers(-9, 10, hit.shape)
    solution, submission = tables(truth, predicted)
    seconds, value = timed(lambda: mean_precision(box_precision(truth, predicted, IMAGES)))
    kaggle_seconds, kaggle_value = timed(lambda: score(solution, submission, "patientId"))
    loop_seconds, loop_value = timed(lambda: plain_loop(truth, predicted, list), 1)
    list_seconds, _ = timed(lambda: plain_loop(truth, predicted, np.ndarray.tolist))
    assert abs(value - loop_value) < 1e-9, (value, loop_value)
    assert abs(value - kaggle_value) < 1e-9, (value, kaggle_value)
    rows = [
        ("plain Python loop, over rows of arrays", loop_seconds, 1.0),
        ("plain Python loop, over lists", list_seconds, loop_seconds / list_seconds),
        ("pulmo, from arrays", seconds, loop_seconds / seconds),
        ("pulmo, from two tables of text, validated", kaggle_seconds, loop_seconds / kaggle_seconds),
    ]
    fusing = [predicted, boxes(rng, image)]
    ours, _ = timed(lambda: fuse_boxes(fusing, [1, 1], IMAGES, 0.5))
    rows.append(("pulmo, weighted box fusion of two files", ours, float("nan")))
    if importlib.util.find_spec("ensemble_boxes"):
        theirs, _ = timed(lambda: ensemble_boxes_loop(fusing), 1)
        rows.append(("ensemble-boxes, the same fusion", theirs, float("nan")))
        print(f"fusion: {theirs / ours:.0f} times ensemble-boxes")
    show_table(
        [
            {
                "26,684 images, 2 boxes each": name,
                "CPU seconds": f"{taken:.3f}",
                "speed-up over the loop": f"{ratio:.0f}",
            }
            for name, taken, ratio in rows
        ]
    )


def boxes(rng: np.random.Generator, image: np.ndarray) -> Boxes:
    xywh = np.concatenate([rng.integers(50, 600, (len(image), 2)), rng.integers(80, 380, (len(image), 2))], axis=1)
    return Boxes(image, xywh.astype(np.float64), rng.random(len(image)).round(3))


def tables(truth: Boxes, predicted: Boxes) -> tuple[pd.DataFrame, pd.DataFrame]:
    ids = np.array([f"patient{number:05d}" for number in range(IMAGES)])
    boxed = pd.DataFrame(truth.xywh, columns=["x", "y", "width", "height"]).assign(patientId=ids[truth.image])
    bare = pd.DataFrame({"patientId": np.setdiff1d(ids, boxed["patientId"])})
    submission = pd.DataFrame({"patientId": ids, "PredictionString": format_boxes(predicted, IMAGES)})
    return pd.concat([boxed, bare], ignore_index=True), submission


def timed(work: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """CPU seconds, the best of a few repeats (unaffected by other jobs), and the result."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        value = work()
        taken.append(time.process_time() - started)
    return min(taken), value


def plain_loop(truth: Boxes, predicted: Boxes, rows: Callable[[np.ndarray], list[Any]]) -> float:
    """A direct implementation of the metric's definition."""
    true_of: list[list[Any]] = [[] for _ in range(IMAGES)]
    found_of: list[list[tuple[float, Any]]] = [[] for _ in range(IMAGES)]
    for image, box in zip(truth.image.tolist(), rows(truth.xywh), strict=True):
        true_of[image].append(box)
    for image, confidence, box in zip(
        *(part.tolist() for part in (predicted.image, predicted.confidence)), predicted.xywh.tolist(), strict=True
    ):
        found_of[image].append((confidence, box))
    values = []
    for true, found in zip(true_of, found_of, strict=True):
        if not true and not found:
            continue
        found.sort(key=lambda one: -one[0])
        total = 0.0
        for threshold in THRESHOLDS:
            free, hits = list(true), 0
            for _, box in found:
                overlaps = [iou(box, other) for other in free]
                if overlaps and max(overlaps) > threshold + 1e-12:
                    free.pop(overlaps.index(max(overlaps)))
                    hits += 1
            total += hits / (len(true) + len(found) - hits)
        values.append(total / len(THRESHOLDS))
    return sum(values) / len(values)


def iou(one: Any, other: Any) -> Any:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def ensemble_boxes_loop(sources: list[Boxes]) -> None:
    fuse = importlib.import_module("ensemble_boxes").weighted_boxes_fusion
    parts = [[(corners(s.xywh[i]) / 1024).tolist() for i in np.split(np.arange(len(s.image)), IMAGES)] for s in sources]
    confidences = [[s.confidence[i].tolist() for i in np.split(np.arange(len(s.image)), IMAGES)] for s in sources]
    labels = [[0] * PREDICTIONS] * len(sources)
    for image in range(IMAGES):
        fuse([part[image] for part in parts], [part[image] for part in confidences], labels, iou_thr=0.5)


if __name__ == "__main__":
    main()
