"""Prediction with trained networks: flip test-time augmentation, and the networks of several folds.

A predictor maps named inputs (and maybe the numbers of some rows) to named arrays, a row an example. It is compiled
once and follows its network's weights. All of this inside `device.computing_on` only.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import keras
import numpy as np
from keras import ops
from scipy.ndimage import maximum_filter

from pulmo.scoring.boxes import Boxes, sizes
from pulmo.training.checkpoints import SavedNetworks
from pulmo.training.data import Rows
from pulmo.training.loop import predict
from pulmo.training.tasks import BoxLimits

CERTAIN = 255
"""The probability 1 in a mask of bytes."""
BATCH = 16

Inputs = Mapping[str, np.ndarray]
"""A network's inputs by name, (rows, …) each; may be memory-mapped."""
Predictions = dict[str, np.ndarray]
"""A network's predictions by name, (rows, …) each."""


class Predictor(Protocol):
    """Predictions of a network."""

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        """Predict every row, or those of the numbers `rows`, in that order."""


class OutputPredictor:
    """The output of a network that has one, under a `name`."""

    def __init__(self, network: Any, name: str, batch: int = BATCH) -> None:
        self._network, self._name, self._batch = network, name, batch

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        """(rows, …) as the network has it."""
        return {self._name: predict(self._network, Rows(inputs), self._batch, rows)}


class LabelPredictor:
    """Probabilities of a classifier, with `tta_flip` the mean over the image and its mirror image (left for right).

    Args:
        network: a classifier, see `models.classifier`; its logits are those of labels that may occur together.
        tta_flip: see above.
    """

    def __init__(self, network: Any, tta_flip: bool) -> None:
        image = keras.Input(network.inputs[0].shape[1:], dtype="uint8", name="image")
        if tta_flip:
            probability = ops.mean(ops.sigmoid(_views(lambda views: network({"image": views}), image)), 1)
        else:
            probability = ops.sigmoid(network({"image": image}))
        self._network = keras.Model({"image": image}, probability)

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        """`probability` float32 (rows, labels)."""
        return {"probability": predict(self._network, Rows(inputs), BATCH, rows)}


class MaskPredictor:
    """Masks of a segmenter, with `tta_flip` the mean over the image and its mirror image (left for right).

    Args:
        network: a segmenter, see `models.segmenter`.
        tta_flip: see above.
        outputs: the predictions that are wanted.
    """

    def __init__(self, network: Any, tta_flip: bool, outputs: Sequence[str] = ("mask", "presence")) -> None:
        self._network, self._outputs = _mask_in_bytes(network, tta_flip), outputs

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        """`mask` uint8 (rows, pixels, pixels), the probability of each pixel, CERTAIN being 1; `presence` float32
        (rows,), the probability that the image shows anything, NaN from networks without a presence head."""
        found = predict(self._network, Rows(inputs), BATCH, rows)
        found.setdefault("presence", np.full(len(found["mask"]), np.nan, np.float32))
        return {name: found[name] for name in self._outputs}


class BoxPredictor:
    """Boxes of a detector, with `tta_flip` averaged over the image and its mirror image (left for right).

    Args:
        network: see `models.detector`.
        tta_flip: see above.
        limits: which boxes are returned.
    """

    def __init__(self, network: Any, tta_flip: bool, limits: BoxLimits) -> None:
        self._network = _detector_with_flip(network) if tta_flip else network
        self._limits = limits

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        """`boxes` float64 (rows, most, 5): x, y, width and height in pixels of the image, and confidence, falling;
        padded with 0. See `to_boxes`."""
        found = predict(self._network, Rows(inputs), BATCH, rows)
        boxes = decode_boxes(found["heat"], found["boxes"], inputs["image"].shape[1:], self._limits)
        padded = np.zeros((len(found["heat"]), self._limits.most, 5))
        rank = np.arange(len(boxes.image)) - np.searchsorted(boxes.image, boxes.image)
        padded[boxes.image, rank] = np.column_stack([boxes.xywh, boxes.confidence])
        return {"boxes": padded}


def to_boxes(padded: np.ndarray) -> Boxes:
    """The boxes of a `BoxPredictor`, (rows, most, 5), without the padding; `image` counts the rows."""
    image, rank = np.nonzero(padded[..., 4] > 0)
    return Boxes(image.astype(np.int64), padded[image, rank, :4], padded[image, rank, 4])


def predict_folds(
    files: Sequence[Path], inputs: Inputs, predictor: Callable[[Any], Predictor]
) -> Iterator[Predictions]:
    """Predictions of each network in `files`.

    Args:
        files: `.keras`, all of one architecture.
        inputs: of all rows.
        predictor: network → predictor, with the test-time augmentation that the networks were validated with.

    Raises:
        UserError: a file is damaged, or the networks are for images of another shape.
    """
    networks = SavedNetworks(files, inputs["image"].shape[1:])
    predicted = predictor(networks.network)
    for _ in networks.each():
        yield predicted(inputs)


def predict_mean(files: Sequence[Path], inputs: Inputs, predictor: Callable[[Any], Predictor]) -> Predictions:
    """The mean over the networks in `files`, see `predict_folds`; bytes are rounded."""
    totals: Predictions = {}
    dtypes: dict[str, Any] = {}
    for predictions in predict_folds(files, inputs, predictor):
        for name, values in predictions.items():
            wide = values.astype(np.uint16) if values.dtype == np.uint8 else values
            totals[name] = totals[name] + wide if name in totals else wide
            dtypes[name] = values.dtype
    count = len(files)
    return {
        name: ((total + count // 2) // count).astype(np.uint8) if dtypes[name] == np.uint8 else total / count
        for name, total in totals.items()
    }


def upsampled(probability: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """An image's probabilities, uint8 (pixels, pixels), at its full size (rows, columns)."""
    large: np.ndarray = cv2.resize(probability, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return large


def decode_boxes(heat: np.ndarray, boxes: np.ndarray, shape: tuple[int, ...], limits: BoxLimits) -> Boxes:
    """The boxes of cells whose heat, the confidence, is a maximum among all eight neighbours.

    Args:
        heat: (n, rows, columns), see `models.detector`.
        boxes: (n, rows, columns, 4); clipped to the image.
        shape: of an image, (rows, columns) in pixels.
        limits: which boxes are returned.

    Returns:
        In order of image, then of falling confidence; they may overlap.
    """
    peak = (heat >= limits.min_confidence) & (heat == maximum_filter(heat, size=(1, 3, 3), mode="constant"))
    image, row, column = np.nonzero(peak)
    edges = np.clip(boxes[image, row, column].astype(np.float64), 0, np.array([*shape[::-1], *shape[::-1]]))
    found = Boxes(image, sizes(edges), heat[image, row, column].astype(np.float64))
    order = np.lexsort((-found.confidence, found.image))
    first = np.searchsorted(found.image, np.arange(len(heat)))
    rank = np.arange(len(order)) - first[found.image[order]]
    chosen = order[(rank < limits.most) & (found.xywh[order, 2:] > 0).all(axis=1)]
    return Boxes(found.image[chosen], found.xywh[chosen], found.confidence[chosen])


def _views(network: Callable[[Any], Any], image: Any) -> Any:
    """A network's outputs for images (batch, rows, columns) and their mirror images, left for right: (batch, 2, …)
    each. In one batch, because a network is compiled for each call in a graph."""
    shape = image.shape[1:]
    views = ops.reshape(ops.stack([image, ops.flip(image, 2)], 1), (-1, *shape))
    return keras.tree.map_structure(lambda output: ops.reshape(output, (-1, 2, *output.shape[1:])), network(views))


def _mask_in_bytes(network: Any, tta_flip: bool) -> Any:
    """The segmenter with its mirrored view; a byte a pixel leaves the device."""
    image = keras.Input(network.inputs[0].shape[1:], dtype="uint8", name="image")
    if tta_flip:
        views = _views(lambda views: network({"image": views}), image)
        views["mask"] = ops.stack([views["mask"][:, 0], ops.flip(views["mask"][:, 1], 2)], 1)
        outputs = {name: ops.mean(view, 1) for name, view in views.items()}
    else:
        outputs = network({"image": image})
    # A byte cannot show that a pixel is not finite; `predict` checks the sum.
    outputs["sum"] = ops.sum(ops.cast(outputs["mask"], "float32"), (1, 2))
    outputs["mask"] = ops.cast(ops.round(CERTAIN * outputs["mask"]), "uint8")
    return keras.Model({"image": image}, outputs)


def _detector_with_flip(network: Any) -> Any:
    """The detector with its mirrored view: mean heat, and boxes averaged with the heat as weight."""
    image = keras.Input(network.inputs[0].shape[1:], dtype="uint8", name="image")
    views = _views(lambda views: network({"image": views}), image)
    one, other = ({name: view[:, number] for name, view in views.items()} for number in (0, 1))
    heat, boxes = ops.flip(other["heat"], 2), ops.flip(other["boxes"], 2)
    width = float(image.shape[2])
    boxes = ops.stack([width - boxes[..., 2], boxes[..., 1], width - boxes[..., 0], boxes[..., 3]], -1)
    total = one["heat"] + heat
    weighted = one["boxes"] * one["heat"][..., None] + boxes * heat[..., None]
    # Where neither view has any heat there is no box, and the division must not fail.
    return keras.Model({"image": image}, {"heat": total / 2, "boxes": weighted / ops.maximum(total, 1e-12)[..., None]})
