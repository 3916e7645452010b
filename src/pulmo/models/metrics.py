"""How right a network is, in numbers that people know: watched while it learns, never learned by."""

from typing import Any

from keras import ops

HALF = 128  # of 255: from here on, a pixel is covered


def dice_of_masks(target: Any, prediction: dict[str, Any]) -> Any:
    """Dice of what is likelier than not, (batch,), 1 where nothing is there and nothing said; at network size.

    Args:
        target: uint8 (batch, rows, columns), how much of each pixel is covered, 255 being all.
        prediction: a segmenter's, see `models.segmenter`.
    """
    true, said = (
        ops.reshape(ops.cast(mask, "float32"), (ops.shape(mask)[0], -1))
        for mask in (target >= HALF, prediction["mask"] >= 0.5)
    )
    total = ops.sum(true + said, -1)
    return ops.where(total > 0, 2 * ops.sum(true * said, -1) / ops.maximum(total, 1), 1.0)


def accuracy_of_classes(target: Any, prediction: Any) -> Any:
    """Whether the class of highest score is the true one, 1 or 0, (batch,); (batch, 1) classes, (batch, classes)."""
    return ops.cast(ops.equal(ops.argmax(prediction, -1), ops.cast(target[:, 0], "int32")), "float32")
