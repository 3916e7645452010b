"""Small networks learn each kind of target from drawn images, and predict images they were not trained on."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from pulmo.competition import StageSpec
from pulmo.pipeline.stage import Stage, load
from pulmo.scoring.classification import auc
from pulmo.training.checkpoints import Values, values_of
from pulmo.training.cross_validation import NetworkTrainer, cross_validate_networks
from pulmo.training.device import computing_on
from pulmo.training.inference import LabelPredictor, MeanPredictor, Predictions, to_boxes
from pulmo.training.settings import ClassifierConfig, DetectorConfig, SegmenterConfig
from pulmo.training.tasks import BoxLimits, BoxTask, ClassTask, Dataset, LabelsTask, MaskTask, class_weights

pytestmark = pytest.mark.slow

PIXELS, COUNT = 16, 40
STILL = {"rotation": 0.0, "zoom": 0.0, "shift": 0.0, "contrast": 0.0, "brightness": 0.0}
SEGMENTER = SegmenterConfig.model_validate(
    {
        **{"base_filters": 4, "depth": 1, "momentum": 0.8, "presence_head": True, "focal": 1.0, "presence_loss": 0.5},
        **{"epochs": 7, "steps": 6, "learning_rate": 0.02, "weight_decay": 1e-4, "batch": 8},
        **{"first_positive_share": 0.7, "validation_share": 0.17, **STILL},
    }
)


class Squares(NamedTuple):
    """Noise, and in two thirds of the images a bright square of 5 pixels a side."""

    images: np.ndarray
    masks: np.ndarray
    positive: np.ndarray


def squares(count: int, seed: int) -> Squares:
    rng = np.random.default_rng(seed)
    images, masks = rng.integers(60, 110, (count, PIXELS, PIXELS)), np.zeros((count, PIXELS, PIXELS), np.uint8)
    positive = np.arange(count) % 3 > 0
    for number in np.flatnonzero(positive):
        row, column = rng.integers(0, PIXELS - 5, 2)
        masks[number, row : row + 5, column : column + 5] = 255
    return Squares((images + masks // 4).astype(np.uint8), masks, positive)


TRAINING, NEW = squares(COUNT, 0), squares(30, 1)


def dataset_of(known: Squares) -> Dataset:
    """With the new images behind the training images, in fold 1."""
    images = np.concatenate([known.images, NEW.images])
    fold = np.repeat([0, 1], [len(known.images), len(NEW.images)])
    positive = np.concatenate([known.positive, NEW.positive])
    return Dataset({"image": images}, fold, patient=np.arange(len(fold)).astype(str), positive=positive)


class Trained(NamedTuple):
    """Two trainings of one trainer, and the first once more."""

    history: pd.DataFrame
    predictions: tuple[Predictions, ...]
    weights: tuple[Values, ...]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    everything: list[tuple[pd.DataFrame, Predictions, Values]] = []
    data = dataset_of(TRAINING)
    task = MaskTask(SEGMENTER, np.concatenate([TRAINING.masks, NEW.masks]))
    with computing_on("cpu"):
        trainer = NetworkTrainer(data, task, seed=3)
        for training, number in enumerate((0, 1, 0)):
            history = trainer.train(data.fold == 1, number, folder / f"{training}.npz")
            predictions = trainer.predict(np.flatnonzero(data.fold == 1))
            everything.append((history, predictions, values_of(trainer.network.weights)))
    histories, predictions_of_all, weights = zip(*everything, strict=True)
    return Trained(histories[0], predictions_of_all, weights)


def test_a_mask_task_learns_masks_and_presence(trained: Trained) -> None:
    assert trained.history["validation_loss"].notna().all()
    found, true = trained.predictions[0]["mask"] > 127, NEW.masks > 0
    dice = 2 * (found & true).sum((1, 2)) / np.maximum(found.sum((1, 2)) + true.sum((1, 2)), 1)
    assert dice[NEW.positive].mean() > 0.8
    presence = trained.predictions[0]["presence"]
    assert presence[NEW.positive].mean() - presence[~NEW.positive].mean() > 0.5


def test_rows_left_out_are_monitored(trained: Trained) -> None:
    dice, loss = trained.history["monitored_dice"], trained.history["monitored_loss"]
    assert dice.between(0, 1).all()
    assert dice.iloc[-1] > dice.iloc[0]
    assert loss.iloc[-1] < loss.iloc[0]


def test_a_training_depends_on_its_number_alone(trained: Trained) -> None:
    first, second, again = trained.weights
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert not any(np.array_equal(one, other) for one, other in zip(first, second, strict=True) if one.ndim > 1)


def test_monitored_rows_do_not_change_the_weights(trained: Trained, tmp_path: Path) -> None:
    data = dataset_of(TRAINING)
    noise = np.random.default_rng(5).integers(0, 255, NEW.images.shape, np.uint8)
    other = Dataset({"image": np.concatenate([TRAINING.images, noise])}, data.fold, None, data.patient, data.positive)
    task = MaskTask(SEGMENTER, np.concatenate([TRAINING.masks, 255 - NEW.masks]))
    with computing_on("cpu"):
        trainer = NetworkTrainer(other, task, seed=3)
        trainer.train(other.fold == 1, 0, tmp_path / "0.npz")
        weights = values_of(trainer.network.weights)
    assert all(np.array_equal(one, another) for one, another in zip(trained.weights[0], weights, strict=True))


def test_wanted_outputs_alone_are_predicted() -> None:
    with computing_on("cpu"):
        task = MaskTask(SEGMENTER, TRAINING.masks, outputs=("presence",))
        network = task.network({"image": TRAINING.images}, lambda _: None)()
        assert list(task.predictor(network)({"image": NEW.images})) == ["presence"]


def boxes_on_images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """No, one or two bright boxes an image, on different sides; images of 24 pixels a side, and the boxes' edges."""
    rng = np.random.default_rng(seed)
    images, boxes = rng.integers(60, 110, (count, 24, 24), np.uint8), np.zeros((count, 3, 4), np.float32)
    for number in range(count):
        for side in rng.permutation(2)[: number % 3]:
            width, height = rng.integers(5, 11, 2)
            x, y = 12 * side + rng.integers(0, 12 - width + 1), rng.integers(0, 24 - height + 1)
            images[number, y : y + height, x : x + width] += 90
            boxes[number, side] = [x, y, x + width, y + height]
    return images, boxes


def test_a_box_task_learns_boxes(tmp_path: Path) -> None:
    (images, boxes), (new, truth) = boxes_on_images(120, 0), boxes_on_images(30, 1)
    config = DetectorConfig.model_validate(
        {
            **{"base_filters": 8, "depth": 3, "momentum": 0.8, "stride": 4, "epochs": 8, "steps": 8, "batch": 16},
            **{"learning_rate": 0.02, "weight_decay": 1e-4, **STILL},
        }
    )
    data = Dataset({"image": np.concatenate([images, new])}, np.repeat([0, 1], [120, 30]))
    task = BoxTask(config, np.concatenate([boxes, truth]), BoxLimits(most=4, min_confidence=0.3))
    with computing_on("cpu"):
        trainer = NetworkTrainer(data, task, seed=1)
        trainer.train(data.fold == 1, 0, tmp_path / "0.npz")
        found = to_boxes(trainer.predict(np.arange(120, 150))["boxes"])
        mirrored = to_boxes(task.predictor(trainer.network)({"image": new[:, :, ::-1]})["boxes"])
    ious = [best_iou(box, found.xywh[found.image == image]) for image in range(30) for box in truth[image] if box.any()]
    assert len(ious) == 30
    assert np.mean(np.array(ious) > 0.5) > 0.8
    assert len(found.image) < 45
    empty = np.flatnonzero(~truth.any(axis=(1, 2)))
    assert not any(np.isin(found.image[found.confidence > 0.5], empty))
    # Of mirror images, the mirrored boxes.
    assert len(mirrored.image) == len(found.image)
    assert mirrored.xywh[:, 2:].sum() == pytest.approx(found.xywh[:, 2:].sum(), rel=1e-3)


def best_iou(box: np.ndarray, found: np.ndarray) -> float:
    best = 0.0
    for x, y, width, height in found:
        shared = max(0.0, min(x + width, box[2]) - max(x, box[0])) * max(0.0, min(y + height, box[3]) - max(y, box[1]))
        either = width * height + (box[2] - box[0]) * (box[3] - box[1]) - shared
        best = max(best, shared / either)
    return best


CLASSIFIER = ClassifierConfig.model_validate(
    {
        **{"network": "unet", "base_filters": 8, "depth": 2, "momentum": 0.8, "epochs": 6, "steps": 12, "batch": 16},
        **{"learning_rate": 0.01, "ema_decay": 0.3, **STILL},
    }
)


def labelled(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of 16 pixels a side and three labels, independent of each other: a bright bar across, one down, a dark
    spot."""
    rng = np.random.default_rng(seed)
    images = rng.integers(80, 120, (count, PIXELS, PIXELS))
    labels = rng.random((count, 3)) < 0.5
    for number in range(count):
        across, down, spot = labels[number]
        if across:
            images[number, rng.integers(0, PIXELS)] += 70
        if down:
            images[number, :, rng.integers(0, PIXELS)] += 70
        if spot:
            row, column = rng.integers(0, PIXELS - 4, 2)
            images[number, row : row + 4, column : column + 4] = 20
    return images.astype(np.uint8), labels.astype(np.float32)


def stage_of(folder: Path) -> Stage:
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    return Stage(StageSpec("train", "", writes=("models", "history")), 0, folder, {}, folder, device="cpu")


def test_a_labels_task_beats_chance_out_of_fold_and_its_saved_networks_predict(tmp_path: Path) -> None:
    images, labels = labelled(160, 0)
    stage, fold = stage_of(tmp_path), np.arange(160) % 2
    result = cross_validate_networks(stage, Dataset({"image": images}, fold), LabelsTask(CLASSIFIER, labels))
    rows, probability = result.rows, result.out_of_fold("probability")
    assert sorted(rows) == list(range(160))
    areas = [auc(labels[rows, label], probability[:, label]) for label in range(3)]
    assert min(areas) > 0.8
    assert set(result.history) >= {"loss", "accuracy", "monitored_accuracy", "fold"}
    result.write(stage)
    files = [stage.workspace / f"models/fold{number}.keras" for number in range(2)]
    new, truth = labelled(40, 1)
    with computing_on("cpu"):
        flipping, shape = partial(LabelPredictor, tta_flip=True), images.shape[1:]
        mean = MeanPredictor(files, shape, flipping)({"image": new})
        first = MeanPredictor(files[:1], shape, flipping)({"image": images})
    assert min(auc(truth[:, label], mean["probability"][:, label]) for label in range(3)) > 0.8
    # The network without fold 0 predicts that fold as it was validated.
    np.testing.assert_allclose(
        first["probability"][fold == 0], load(tmp_path / "checkpoints/fold0/probability.npy"), atol=1e-5
    )


def test_a_class_task_learns_the_class(tmp_path: Path) -> None:
    images, labels = labelled(120, 0)
    data = Dataset({"image": images}, np.repeat([0, 1], [90, 30]))
    task = ClassTask(CLASSIFIER, labels[:, 2:].astype(np.int64))
    with computing_on("cpu"):
        trainer = NetworkTrainer(data, task, seed=0)
        trainer.train(data.fold == 1, 0, tmp_path / "0.npz")
        logits = trainer.predict(np.arange(90, 120))["logits"]
    assert logits.shape == (30, 2)
    assert auc(labels[90:, 2], logits[:, 1] - logits[:, 0]) > 0.8


def test_a_dataset_is_whole() -> None:
    with pytest.raises(ValueError, match="patient has 2 rows, fold has 3"):
        Dataset({"image": np.zeros((3, 4, 4))}, np.arange(3), patient=np.zeros(2))
    data = Dataset({"image": np.zeros((6, 4, 4))}, np.array([-1, 0, 0, 1, 1, 1]))
    assert data.trainable_rows.tolist() == [False, True, True, True, True, True]
    assert (data.folds, data.training_size) == (2, 2)


def test_class_weights_by_hand() -> None:
    label = np.array([1, 0, 0, 0, 1, 1])
    found = class_weights(label, np.array([0, 1, 2, 3]))  # one of four is a 1
    np.testing.assert_allclose(found, [2, 2 / 3, 2 / 3, 2 / 3, 2, 2], rtol=1e-6)
    assert found[:4].mean() == pytest.approx(1)
    three = class_weights(np.array([0, 1, 2, 2]), np.arange(4), classes=3)
    np.testing.assert_allclose(three, [4 / 3, 4 / 3, 2 / 3, 2 / 3], rtol=1e-6)
