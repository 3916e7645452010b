"""Asking detectors: pictures → boxes with confidences, mirrored views averaged."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops
from scipy.ndimage import maximum_filter

from pulmo.scoring.boxes import Boxes, sizes
from pulmo.training.loop import predict
from pulmo.training.saved_networks import SavedNetworks
from pulmo.training.sequences import Rows
from pulmo.training.tta import flipped_views


class Keeping(NamedTuple):
    """Of each picture at most the `most` boxes of the greatest confidence, from confidence `least` on."""

    most: int
    least: float


class BoxPredictor:
    """A detector's answer, compiled once; it follows the network's weights. Inside `computing_on` only.

    Args:
        network: see `models.detector`.
        keeping: which boxes are kept.
        flip: also ask about the picture's mirror image (left for right), and average both answers.
        batch: pictures at a time.
    """

    def __init__(self, network: Any, keeping: Keeping, flip: bool, batch: int = 16) -> None:
        self._answer = _with_mirrored_view(network) if flip else network
        self._keeping, self._batch = keeping, batch

    def predict(self, images: np.ndarray, which: np.ndarray | None = None) -> Boxes:
        """Boxes in pixels of `images`, uint8 (n, pixels, pixels), or of those of the numbers `which`, in that order."""
        said = predict(self._answer, Rows({"image": images}), self._batch, which)
        return boxes_of(said["heat"], said["boxes"], images.shape[1:], self._keeping)


def predict_folds(files: Sequence[Path], flip: bool, images: np.ndarray, keeping: Keeping) -> list[Boxes]:
    """What the network in each of the files says of all images: to be fused. See `BoxPredictor` for `flip`, which is to
    be as it was when they were validated."""
    networks = SavedNetworks(files, images.shape[1:])
    predictor = BoxPredictor(networks.network, keeping, flip)
    return [predictor.predict(images) for _ in networks.each()]


def boxes_of(heat: np.ndarray, boxes: np.ndarray, shape: tuple[int, ...], keeping: Keeping) -> Boxes:
    """The boxes of cells that are as hot as all eight around them, their heat being the confidence.

    Args:
        heat: (n, rows, columns), see `models.detector`.
        boxes: (n, rows, columns, 4); what of them lies outside the picture is cut off.
        shape: of a picture, (rows, columns) in pixels.
        keeping: which boxes are kept.

    Returns:
        In order of image, then of falling confidence; they may overlap.
    """
    hottest = (heat >= keeping.least) & (heat == maximum_filter(heat, size=(1, 3, 3), mode="constant"))
    image, row, column = np.nonzero(hottest)
    edges = np.clip(boxes[image, row, column].astype(np.float64), 0, np.array([*shape[::-1], *shape[::-1]]))
    found = Boxes(image, sizes(edges), heat[image, row, column].astype(np.float64))
    order = np.lexsort((-found.confidence, found.image))
    first = np.searchsorted(found.image, np.arange(len(heat)))
    rank = np.arange(len(order)) - first[found.image[order]]
    kept = order[(rank < keeping.most) & (found.xywh[order, 2:] > 0).all(axis=1)]
    return Boxes(found.image[kept], found.xywh[kept], found.confidence[kept])


def _with_mirrored_view(network: Any) -> Any:
    """Heat averaged, boxes by their heat."""
    image = keras.Input(network.inputs[0].shape[1:], dtype="uint8", name="image")
    views = flipped_views(network, image)
    here, there = ({name: said[:, view] for name, said in views.items()} for view in (0, 1))
    heat, boxes = ops.flip(there["heat"], 2), ops.flip(there["boxes"], 2)
    width = float(image.shape[2])
    boxes = ops.stack([width - boxes[..., 2], boxes[..., 1], width - boxes[..., 0], boxes[..., 3]], -1)
    both = here["heat"] + heat
    weighed = here["boxes"] * here["heat"][..., None] + boxes * heat[..., None]
    # Where neither view has any heat there is no box, and nothing to divide by.
    return keras.Model({"image": image}, {"heat": both / 2, "boxes": weighed / ops.maximum(both, 1e-12)[..., None]})
