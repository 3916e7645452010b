"""A detector's loss: focal loss of the heatmap of box centres, generalised IoU of the boxes.

The target heat of a cell falls off around the centre of each box as a Gaussian, wider for larger boxes, and is 1 in the
cell that holds the centre. The heatmap has the focal loss of CornerNet (Law and Deng, ECCV 2018), boxes generalised IoU
(Rezatofighi et al., CVPR 2019) wherever there is target heat, weighed by it (TTFNet, AAAI 2020).
"""

from typing import Any, NamedTuple

import keras
from keras import ops

REACH = 0.54
"""Width of the Gaussian as a share of the box's side; three standard deviations to either side."""

EPSILON = 1e-6
TINY = 1e-6
BOX_WEIGHT = 2.0


class GridTarget(NamedTuple):
    """`heat` (batch, rows, columns), 0 to 1; and the `boxes` (batch, rows, columns, 4) that it comes from."""

    heat: Any
    boxes: Any


def grid_target(boxes: Any, rows: int, columns: int, stride: Any) -> GridTarget:
    """The target grid of boxes.

    Args:
        boxes: float32 (batch, most, 4), x0, y0, x1, y1 in pixels; padding is empty.
        rows: of the grid.
        columns: of the grid.
        stride: of the grid, pixels.
    """
    x0, y0, x1, y1 = (boxes[:, :, side] / stride for side in range(4))
    real = ops.cast((x1 > x0) & (y1 > y0), "float32")
    bells = real[..., None, None] * _gaussian(y0, y1, rows)[..., :, None] * _gaussian(x0, x1, columns)[..., None, :]
    owner = ops.reshape(ops.argmax(bells, axis=1), (-1, rows * columns, 1))
    owned = ops.take_along_axis(boxes, ops.broadcast_to(owner, (ops.shape(owner)[0], rows * columns, 4)), axis=1)
    return GridTarget(ops.max(bells, axis=1), ops.reshape(owned, (-1, rows, columns, 4)))


def _gaussian(low: Any, high: Any, cells: int) -> Any:
    """(batch, most), edges in cells → (batch, most, cells), 1 at the cell that holds the centre."""
    middle = ops.clip(ops.floor((low + high) / 2), 0, cells - 1)
    deviation = (REACH * ops.maximum(high - low, 0.0) + 1) / 6
    away = ops.arange(cells, dtype="float32") - middle[..., None]
    return ops.exp(-((away / deviation[..., None]) ** 2) / 2)


@keras.saving.register_keras_serializable("pulmo")
class DetectionLoss(keras.losses.Loss):
    """Boxes float32 (batch, most, 4), see `grid_target`, and predictions of a detector of that `stride` → a number an
    image, in float32 whatever the network's precision."""

    def __init__(self, stride: int, name: str = "detection_loss", **more: Any) -> None:
        super().__init__(name=name, **{"dtype": "float32", **more})
        self.stride = stride

    def call(self, target: Any, prediction: dict[str, Any]) -> Any:
        """(batch,)."""
        heat, boxes = prediction["heat"], prediction["boxes"]
        wanted = grid_target(target, heat.shape[1], heat.shape[2], float(self.stride))
        middles = ops.cast(wanted.heat >= 1, "float32")
        probability = ops.clip(heat, EPSILON, 1 - EPSILON)
        missed = middles * (1 - probability) ** 2 * -ops.log(probability)
        false = (1 - middles) * (1 - wanted.heat) ** 4 * probability**2 * -ops.log(1 - probability)
        found = ops.maximum(ops.sum(middles, (1, 2)), 1.0)
        apart = ops.sum(wanted.heat * (1 - generalised_iou(boxes, wanted.boxes)), (1, 2))
        met = apart / ops.maximum(ops.sum(wanted.heat, (1, 2)), 1.0)
        return ops.sum(missed + false, (1, 2)) / found + BOX_WEIGHT * met

    def get_config(self) -> dict[str, Any]:
        """The arguments, for saving."""
        return {**super().get_config(), "stride": self.stride}


def generalised_iou(first: Any, second: Any) -> Any:
    """Of boxes x0, y0, x1, y1 (…, 4) and their partners: (…,), −1 to 1; IoU, less the share of the box around both
    that neither covers."""
    shared = _area(ops.maximum(first[..., :2], second[..., :2]), ops.minimum(first[..., 2:], second[..., 2:]))
    around = _area(ops.minimum(first[..., :2], second[..., :2]), ops.maximum(first[..., 2:], second[..., 2:]))
    either = _area(first[..., :2], first[..., 2:]) + _area(second[..., :2], second[..., 2:]) - shared
    return shared / ops.maximum(either, TINY) - (around - either) / ops.maximum(around, TINY)


def _area(low: Any, high: Any) -> Any:
    sides = ops.maximum(high - low, 0.0)
    return sides[..., 0] * sides[..., 1]
