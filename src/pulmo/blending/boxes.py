"""Weighted box fusion: the boxes of several models or files → one set, whose confidence measures their agreement.

All images are fused at once: the most confident box of each, then the second of each. Source: Solovyev, Wang and
Gabruseva, Weighted boxes fusion, Image and Vision Computing 2021; 107: 104117.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pulmo.scoring.boxes import SIDE, Boxes, corners, sizes

_LEAST_CONFIDENCE = 1e-6  # a box of confidence 0 has a place too
_LEAST_SIZE = 1.0  # pixels


class Fused(NamedTuple):
    """Fused boxes, and how many went into each of them, (boxes,) int."""

    boxes: Boxes
    members: np.ndarray


class Finish(NamedTuple):
    """Filtering and resizing of boxes after fusion.

    Attributes:
        threshold: boxes of lower confidence are dropped.
        unmatched: boxes that no other matched are dropped below this confidence.
        shrink: width and height are multiplied by it, about the box's centre.
    """

    threshold: float = 0.0
    unmatched: float = 0.0
    shrink: float = 1.0


def fuse_boxes(sources: Sequence[Boxes], weights: Sequence[float], images: int, iou: float) -> Fused:
    """Fuse the boxes of several sources.

    Args:
        sources: a model's or a file's boxes each; those of one source that overlap are fused as well.
        weights: one a source, not negative; a source of weight 0 is ignored.
        images: how many there are; the `image` of every box is below.
        iou: a box joins the fused box that it overlaps most, if their IoU is greater than this.

    Returns:
        Boxes in order of image. A fused box is the mean of its members, weighted by weight × confidence; its
        confidence is Σ weight·confidence over its members, divided by the weights of all sources (or of its members,
        where they are more).
    """
    used = [(source, weight) for source, weight in zip(sources, weights, strict=True) if weight > 0]
    every = Boxes(*(np.concatenate(parts) for parts in zip(*(source for source, _ in used), strict=True)))
    weight = np.repeat([weight for _, weight in used], [len(source.image) for source, _ in used])
    order = np.lexsort((-weight * every.confidence, every.image))
    every, weight = every.take(order), weight[order]
    turn = np.arange(len(order)) - np.searchsorted(every.image, every.image)
    clusters = _Clusters(images, int(np.max(turn, initial=-1)) + 1)
    by_turn = np.argsort(turn, kind="stable")
    for rows in np.split(by_turn, np.flatnonzero(np.diff(turn[by_turn])) + 1):
        clusters.add(every.take(rows), weight[rows], iou)
    return clusters.fused(sum(weight for _, weight in used))


class _Clusters:
    """The fused boxes so far: sums over their members, (images, boxes at most, …)."""

    def __init__(self, images: int, most: int) -> None:
        self._edges = np.zeros((images, most, 4))
        self._pull, self._confidence, self._weight = (np.zeros((images, most)) for _ in range(3))
        self._members = np.zeros((images, most), np.int64)
        self._used = np.zeros(images, np.int64)

    def add(self, boxes: Boxes, weight: np.ndarray, iou: float) -> None:
        """Put in one box an image at the most."""
        image, edges = boxes.image, corners(boxes.xywh)
        used = int(self._used[image].max(initial=0))
        place = self._used[image].copy()
        if used:
            overlaps = self._overlaps(image, edges, used)
            best = overlaps.argmax(axis=1)
            joins = overlaps[np.arange(len(image)), best] > iou
            place[joins] = best[joins]
        pull = weight * np.maximum(boxes.confidence, _LEAST_CONFIDENCE)
        self._edges[image, place] += pull[:, None] * edges
        self._pull[image, place] += pull
        self._confidence[image, place] += weight * boxes.confidence
        self._weight[image, place] += weight
        self._members[image, place] += 1
        self._used[image] = np.maximum(self._used[image], place + 1)

    def _overlaps(self, image: np.ndarray, edges: np.ndarray, used: int) -> np.ndarray:
        """IoU of each box with the fused boxes of its image, (boxes, used); −1 where there is none."""
        pull = self._pull[image, :used, None]
        there = pull[..., 0] > 0
        fused = self._edges[image, :used] / np.where(pull > 0, pull, 1)
        ours = edges[:, None]
        shared = np.minimum(ours[..., 2:], fused[..., 2:]) - np.maximum(ours[..., :2], fused[..., :2])
        intersection = np.maximum(shared, 0).prod(axis=-1)
        areas = sum((box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (ours, fused))
        return np.asarray(np.where(there, intersection / (areas - intersection), -1))

    def fused(self, total: float) -> Fused:
        """What has become of them."""
        image, place = np.nonzero(self._members)
        edges = self._edges[image, place] / self._pull[image, place, None]
        confidence = self._confidence[image, place] / np.maximum(self._weight[image, place], total)
        return Fused(Boxes(image, sizes(edges), confidence), self._members[image, place])


def finish_boxes(fused: Fused, finish: Finish) -> Boxes:
    """Drop boxes of low confidence, resize the others about their centres, and clip them at the image's edge."""
    boxes = fused.boxes
    least = np.where(fused.members > 1, finish.threshold, max(finish.threshold, finish.unmatched))
    boxes = boxes.take(boxes.confidence >= least)
    xywh = boxes.xywh
    resized = np.concatenate([xywh[:, :2] + xywh[:, 2:] * (1 - finish.shrink) / 2, xywh[:, 2:] * finish.shrink], axis=1)
    clipped = sizes(np.clip(corners(resized), 0, SIDE))
    whole = (clipped[:, 2:] >= _LEAST_SIZE).all(axis=1)
    return boxes._replace(xywh=clipped).take(whole)
