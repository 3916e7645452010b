"""A detector small enough for a test finds bright squares."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pulmo.models.detection_loss import DetectionLoss
from pulmo.models.detector import DetectorParameters, detector
from pulmo.scoring.boxes import Boxes, corners
from pulmo.training.augment import Augmentation
from pulmo.training.boxes import BoxPredictor, Keeping, boxes_of, predict_folds
from pulmo.training.device import computing_on
from pulmo.training.fit import Plan
from pulmo.training.image_trainer import ImageTrainer, Pictures, Recipe

PIXELS, CELL = 24, 4
NETWORK = DetectorParameters(start=8, depth=3, momentum=0.8, cell=CELL)
RECIPE = Recipe(Plan(8, 8, 0.02, 1, 1e-4, 0.5, 9), 16, Augmentation(flip_left_right=True))


def squares(count: int, seed: int) -> Pictures:
    """No, one or two bright boxes each; two on different sides."""
    rng = np.random.default_rng(seed)
    images, boxes = rng.integers(60, 110, (count, PIXELS, PIXELS), np.uint8), np.zeros((count, 3, 4), np.float32)
    for number in range(count):
        for side in rng.permutation(2)[: number % 3]:
            width, height = rng.integers(5, 11, 2)
            x, y = 12 * side + rng.integers(0, 12 - width + 1), rng.integers(0, PIXELS - height + 1)
            images[number, y : y + height, x : x + width] += 90
            boxes[number, side] = [x, y, x + width, y + height]
    return Pictures(images, boxes, "boxes", np.arange(count) % 3 > 0)


def test_it_learns_to_find_them(tmp_path: Path) -> None:
    pictures, new = squares(120, 0), squares(30, 1)
    keeping = Keeping(most=4, least=0.3)
    with computing_on("cpu"):
        trainer = ImageTrainer(partial(detector, NETWORK, PIXELS), DetectionLoss(CELL), pictures, RECIPE, seed=1)
        predictor = BoxPredictor(trainer.network, keeping, flip=True)
        trainer.train(np.arange(120), 0, tmp_path / "0.npz")
        found = predictor.predict(new.images)
        mirrored = predictor.predict(new.images[:, :, ::-1])
        trainer.network.save(tmp_path / "0.keras")
        (again,) = predict_folds([tmp_path / "0.keras"], True, new.images, keeping)
    true = [new.target[image, side] for image in range(30) for side in range(2) if new.target[image, side].any()]
    ious = [best_iou(box, found, image) for image in range(30) for box in new.target[image] if box.any()]
    assert len(ious) == len(true) == 30
    assert np.mean(np.array(ious) > 0.5) > 0.8
    assert len(found.image) < 45
    assert not any(np.isin(found.image[found.confidence > 0.5], np.flatnonzero(~new.positive)))
    # What the mirror shows is the same, mirrored.
    assert len(mirrored.image) == len(found.image)
    assert mirrored.xywh[:, 2:].sum() == pytest.approx(found.xywh[:, 2:].sum(), rel=1e-3)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def best_iou(box: np.ndarray, found: Boxes, image: int) -> float:
    best = 0.0
    for x0, y0, x1, y1 in corners(found.xywh[found.image == image]):
        shared = max(0.0, min(x1, box[2]) - max(x0, box[0])) * max(0.0, min(y1, box[3]) - max(y0, box[1]))
        either = (x1 - x0) * (y1 - y0) + (box[2] - box[0]) * (box[3] - box[1]) - shared
        best = max(best, shared / either)
    return best


def test_peaks_become_boxes_in_falling_confidence() -> None:
    heat, boxes = np.zeros((2, 4, 4), np.float32), np.zeros((2, 4, 4, 4), np.float32)
    heat[1, 0] = [0.4, 0.3, 0.0, 0.9]  # the second cell is no peak
    heat[1, 3, 1] = 0.6
    heat[0, 2, 2] = 0.05  # too cold
    boxes[1, 0, 0], boxes[1, 0, 3], boxes[1, 3, 1] = [-4, 2, 8, 10], [20, 0, 40, 9], [4, 20, 12, 31]
    found = boxes_of(heat, boxes, (32, 32), Keeping(most=9, least=0.1))
    assert found.image.tolist() == [1, 1, 1]
    assert found.confidence == pytest.approx([0.9, 0.6, 0.4])
    assert found.xywh.tolist() == [[20, 0, 12, 9], [4, 20, 8, 11], [0, 2, 8, 8]]
    assert boxes_of(heat, boxes, (32, 32), Keeping(most=2, least=0.1)).xywh.tolist() == found.xywh[:2].tolist()
    assert not len(boxes_of(heat, boxes, (32, 32), Keeping(most=2, least=0.95)).image)
