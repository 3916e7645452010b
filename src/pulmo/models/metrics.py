"""Metrics of a batch for the training history; no loss is computed from them."""

from typing import Any

from keras import ops

HALF = 128  # of 255: from here on, a pixel is covered


def dice_of_masks(target: Any, prediction: dict[str, Any]) -> Any:
    """Dice at threshold one half, (batch,), 1 where both masks are empty; at network size.

    Args:
        target: uint8 (batch, rows, columns), how much of each pixel is covered, 255 being all.
        prediction: a segmenter's, see `models.segmenter`.
    """
    true, predicted = (
        ops.reshape(ops.cast(mask, "float32"), (ops.shape(mask)[0], -1))
        for mask in (target >= HALF, prediction["mask"] >= 0.5)
    )
    total = ops.sum(true + predicted, -1)
    return ops.where(total > 0, 2 * ops.sum(true * predicted, -1) / ops.maximum(total, 1), 1.0)


def accuracy_of_classes(target: Any, prediction: Any) -> Any:
    """Whether the class of highest score is the true one, 1 or 0, (batch,); (batch, 1) classes, (batch, classes)."""
    return ops.cast(ops.equal(ops.argmax(prediction, -1), ops.cast(target[:, 0], "int32")), "float32")


def accuracy_of_labels(target: Any, prediction: Any) -> Any:
    """The share of labels predicted right at one half, (batch,); (batch, labels) 0 or 1, (batch, labels) logits."""
    return ops.mean(ops.cast(ops.equal(prediction >= 0, target >= 0.5), "float32"), -1)
