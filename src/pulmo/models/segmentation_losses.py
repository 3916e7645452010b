"""Segmentation losses: likelihood of each pixel and overlap of the masks, image by image.

With t the target and p the probability of each pixel, and sums over an image,

    cross-entropy   mean of −t·log p − (1 − t)·log(1 − p)
    focal           the same, each pixel weighed by |t − p|^γ         Lin et al., ICCV 2017; Li et al., NeurIPS 2020
    Dice            1 − (Σt + Σp − Σ|t − p| + 1) / (Σt + Σp + 1)              Wang et al., MICCAI 2023
    IoU             1 − (Σt + Σp − Σ|t − p| + 2) / (Σt + Σp + Σ|t − p| + 2)   Wang et al., NeurIPS 2023

For whole pixels the last two are the usual ones, Σt + Σp − Σ|t − p| being 2·Σtp; for pixels that are covered in part
they are least at p = t, which the usual ones are not. The 1 and 2 smooth the ratios: so an empty image has a loss too.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

COVERED = 255.0
EPSILON = 1e-6


class Terms(NamedTuple):
    """The weight of each term; `presence` is the cross-entropy of the presence head, if the network has one."""

    cross_entropy: float = 0.0
    focal: float = 0.0
    dice: float = 0.0
    iou: float = 0.0
    presence: float = 0.0
    focal_gamma: float = 2.0


@keras.saving.register_keras_serializable("pulmo")
class SegmentationLoss(keras.losses.Loss):
    """The weighted sum of `terms`: a number an image, in float32 whatever the network's precision.

    The target is uint8 (batch, rows, columns), how much of each pixel is covered, 255 being all; an image is positive
    if a pixel is not 0, so the presence head needs no target of its own. The prediction is a segmenter's.
    """

    def __init__(self, terms: Terms, name: str = "segmentation_loss", **more: Any) -> None:
        super().__init__(name=name, **{"dtype": "float32", **more})
        self.terms = Terms(*terms)

    def call(self, target: Any, prediction: dict[str, Any]) -> Any:
        """(batch, rows, columns), {"mask", maybe "presence"} → (batch,)."""
        terms = self.terms
        covered = ops.reshape(target, (ops.shape(target)[0], -1)) / COVERED
        probability = ops.reshape(prediction["mask"], ops.shape(covered))
        loss = ops.zeros(ops.shape(covered)[:1], "float32")
        entropy, gap = _cross_entropy(covered, probability), ops.abs(covered - probability)
        if terms.cross_entropy:
            loss += terms.cross_entropy * ops.mean(entropy, -1)
        if terms.focal:
            loss += terms.focal * ops.mean(entropy * gap**terms.focal_gamma, -1)
        total, difference = ops.sum(covered + probability, -1), ops.sum(gap, -1)
        if terms.dice:
            loss += terms.dice * difference / (total + 1)
        if terms.iou:
            loss += terms.iou * 2 * difference / (total + difference + 2)
        if terms.presence and "presence" in prediction:
            present = ops.cast(ops.any(covered > 0, -1), "float32")
            loss += terms.presence * _cross_entropy(present, prediction["presence"])
        return loss

    def get_config(self) -> dict[str, Any]:
        """The arguments, for saving."""
        return {**super().get_config(), "terms": list(self.terms)}


def _cross_entropy(target: Any, probability: Any) -> Any:
    probability = ops.clip(probability, EPSILON, 1 - EPSILON)
    return -target * ops.log(probability) - (1 - target) * ops.log(1 - probability)
