"""Prediction with trained networks: flip test-time augmentation, the networks of several folds, and rows in parts.

A predictor maps named inputs (and maybe the numbers of some rows) to named arrays, a row an example. It is compiled
once and follows its network's weights. All of this inside `device.computing_on` only.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import cv2
import keras
import numpy as np
from keras import ops
from scipy.ndimage import maximum_filter

from pulmo.scoring.boxes import Boxes, sizes
from pulmo.training.checkpoints import SavedNetworks, assign, values_of
from pulmo.training.data import Rows
from pulmo.training.loop import predict
from pulmo.training.parts import in_parts, release
from pulmo.training.tasks import BoxLimits

CERTAIN = 255
"""The probability 1 in a mask of bytes."""
BATCH = 16

Inputs = Mapping[str, np.ndarray]
"""A network's inputs by name, (rows, …) each; may be memory-mapped."""
Predictions = dict[str, np.ndarray]
"""A network's predictions by name, (rows, …) each."""


class Predictor(Protocol):
    """Predictions of a network, in batches of at most `batch` rows."""

    batch: int

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        """Predict every row, or those of the numbers `rows`, in that order."""


class OutputPredictor:
    """The output of a network that has one, under a `name`."""

    def __init__(self, network: Any, name: str, batch: int = BATCH) -> None:
        self._network, self._name, self.batch = network, name, batch

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        """(rows, …) as the network has it."""
        return {self._name: predict(self._network, Rows(inputs), self.batch, rows)}


class LabelPredictor:
    """Probabilities of a classifier, with `tta_flip` the mean over the image and its mirror image (left for right).

    Args:
        network: a classifier, see `models.classifier`; its logits are those of labels that may occur together.
        tta_flip: see above.
    """

    batch = BATCH

    def __init__(self, network: Any, tta_flip: bool) -> None:
        image = keras.Input(network.inputs[0].shape[1:], dtype="uint8", name="image")
        if tta_flip:
            probability = ops.mean(ops.sigmoid(_views(lambda views: network({"image": views}), image)), 1)
        else:
            probability = ops.sigmoid(network({"image": image}))
        self._network = keras.Model({"image": image}, probability)

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        """`probability` float32 (rows, labels)."""
        return {"probability": predict(self._network, Rows(inputs), self.batch, rows)}


class MaskPredictor:
    """Masks of a segmenter, with `tta_flip` the mean over the image and its mirror image (left for right).

    Args:
        network: a segmenter, see `models.segmenter`.
        tta_flip: see above.
        outputs: the predictions that are wanted.
    """

    batch = BATCH

    def __init__(self, network: Any, tta_flip: bool, outputs: Sequence[str] = ("mask", "presence")) -> None:
        self._network, self._outputs = _mask_in_bytes(network, tta_flip), outputs

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        """`mask` uint8 (rows, pixels, pixels), the probability of each pixel, CERTAIN being 1; `presence` float32
        (rows,), the probability that the image shows anything, NaN from networks without a presence head."""
        found = predict(self._network, Rows(inputs), self.batch, rows)
        found.setdefault("presence", np.full(len(found["mask"]), np.nan, np.float32))
        return {name: found[name] for name in self._outputs}


class BoxPredictor:
    """Boxes of a detector, with `tta_flip` averaged over the image and its mirror image (left for right).

    Args:
        network: see `models.detector`.
        tta_flip: see above.
        limits: which boxes are returned.
    """

    batch = BATCH

    def __init__(self, network: Any, tta_flip: bool, limits: BoxLimits) -> None:
        self._network = _detector_with_flip(network) if tta_flip else network
        self._limits = limits

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        """`boxes` float64 (rows, most, 5): x, y, width and height in pixels of the image, and confidence, falling;
        padded with 0. See `to_boxes`."""
        found = predict(self._network, Rows(inputs), self.batch, rows)
        boxes = decode_boxes(found["heat"], found["boxes"], inputs["image"].shape[1:], self._limits)
        padded = np.zeros((len(found["heat"]), self._limits.most, 5))
        rank = np.arange(len(boxes.image)) - np.searchsorted(boxes.image, boxes.image)
        padded[boxes.image, rank] = np.column_stack([boxes.xywh, boxes.confidence])
        return {"boxes": padded}


def to_boxes(padded: np.ndarray) -> Boxes:
    """The boxes of a `BoxPredictor`, (rows, most, 5), without the padding; `image` counts the rows."""
    image, rank = np.nonzero(padded[..., 4] > 0)
    return Boxes(image.astype(np.int64), padded[image, rank, :4], padded[image, rank, 4])


class FoldPredictor:
    """The predictions of several networks, one after the other: (rows, networks, …) each.

    The weights of all of them are in memory, but one network: compiling takes longer than predicting.

    Args:
        files: `.keras`, all of one architecture.
        shape: of an image that they are to be applied to, without its row.
        predictor: network → predictor, with the test-time augmentation that the networks were validated with.

    Raises:
        UserError: a file is damaged, or the networks are for images of another shape.
    """

    def __init__(self, files: Sequence[Path], shape: Sequence[int], predictor: Callable[[Any], Predictor]) -> None:
        saved = SavedNetworks(files, shape)
        self._variables = saved.network.variables
        self._weights = [values_of(network.variables) for network in saved.each()]
        self._predictor = predictor(saved.network)
        self.batch = self._predictor.batch

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        """See `Predictor`."""
        found = list(self.each(inputs, rows))
        return {name: np.stack([predictions[name] for predictions in found], axis=1) for name in found[0]}

    def each(self, inputs: Inputs, rows: np.ndarray | None) -> Iterator[Predictions]:
        """The predictions of one network after the other."""
        for weights in self._weights:
            assign(self._variables, weights)
            yield self._predictor(inputs, rows)


class MeanPredictor(FoldPredictor):
    """The mean over several networks, (rows, …) each; of bytes, it is rounded to a byte."""

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        """See `Predictor`."""
        totals: Predictions = {}
        for predictions in self.each(inputs, rows):
            for name, values in predictions.items():
                if name in totals:
                    totals[name] += values
                else:
                    totals[name] = values.astype(np.uint16) if values.dtype == np.uint8 else values.copy()
        return {name: self._mean(total) for name, total in totals.items()}

    def _mean(self, total: np.ndarray) -> np.ndarray:
        count = len(self._weights)
        if total.dtype != np.uint16:
            return np.asarray(total / count)
        total += count // 2
        total //= count
        return total.astype(np.uint8)


def predict_in_parts(predictor: Predictor, inputs: Inputs, rows: np.ndarray | None = None) -> Iterator[Predictions]:
    """Predictions for every row, or for those of the numbers `rows`: of some of them (see `parts`) after the others, in
    that order, so that neither inputs nor predictions of all rows are in memory."""
    rows = np.arange(Rows(inputs).length) if rows is None else rows
    parts = in_parts(rows, inputs)
    for part in parts:
        yield predict_part(predictor, inputs, part, whole=len(parts) == 1)


def predict_part(predictor: Predictor, inputs: Inputs, part: np.ndarray, whole: bool) -> Predictions:
    """Predictions for one of the parts that `in_parts` gives, or for the `whole`, where that is one part.

    The last of several parts is filled up to whole batches: batches of another size would be compiled anew.
    """
    size = len(part) if whole else predictor.batch * math.ceil(len(part) / predictor.batch)
    found = predictor(inputs, np.resize(part, size))
    release(inputs)
    return {name: values[: len(part)] for name, values in found.items()}


def gathered(parts: Iterable[Predictions]) -> Predictions:
    """The predictions for all rows, where these are small."""
    found = list(parts)
    return {name: np.concatenate([predictions[name] for predictions in found]) for name in found[0]}


def save_predictions(folder: Path, parts: Iterable[Predictions], rows: int) -> None:
    """Write the predictions for so many rows as `<name>.npy`, part after part as they come."""
    with ExitStack() as scopes:
        files: dict[str, BinaryIO] = {}
        for predictions in parts:
            for name, values in predictions.items():
                if name not in files:
                    files[name] = scopes.enter_context((folder / f"{name}.npy").open("wb"))
                    _write_header(files[name], values.dtype, (rows, *values.shape[1:]))
                files[name].write(np.ascontiguousarray(values).data)


def _write_header(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    description = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)


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
