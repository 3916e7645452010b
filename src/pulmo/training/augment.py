"""Random augmentation on the training device: an image and the mask or boxes on it move alike.

Each example of a batch gets its own affine map of the plane about its centre, so that an image is interpolated once.
`keras.layers.Random*` are not used: a chain of them interpolates an image once a layer, and they have no form for
volumes. The warp here gathers pixels, which every backend compiles, with equal values under each of them.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from pulmo.training.tasks import Motion

Layout = Literal["yx", "yxc", "zyx", "zyxc"]
"""The axes of one image: y rows, x columns, z slices, c channels. Slices of a volume move alike, in their planes."""


@dataclass(frozen=True)
class Augmentation:
    """Ranges of random augmentation; each amount is drawn uniformly between plus and minus the value here.

    `rotation` in degrees; `zoom` and `shift` as shares of the side; `flip_…` happen to half of the examples. Then
    values are multiplied by 1 ± `contrast`, and ± `brightness`, in the stored unit, is added, clipped to the stored
    type. `fill` is the value outside the image.
    """

    flip_left_right: bool = False
    flip_up_down: bool = False
    rotation: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    fill: float = 0.0

    @property
    def interpolate(self) -> bool:
        """Whether values are interpolated; flips alone are exact."""
        return bool(self.rotation or self.zoom or self.shift)


@keras.saving.register_keras_serializable("pulmo")
class Augment(keras.layers.Layer):
    """A batch, as `data.gather` makes it → the same with `inputs[image]`, and its target where it moves, augmented.

    `target` names the kind of target: "same" is unchanged; a "mask" has the image's layout and moves with it, to the
    nearest pixel; "boxes" are (batch, boxes, 4 or more): x0, y0, x1, y1 in pixels, then any other values; a moved box
    is the upright one around the moved corners, clipped to the image, and empty boxes (padding) stay as they are.
    """

    def __init__(
        self,
        augmentation: Augmentation,
        layout: Layout,
        seed: int,
        image: str = "image",
        target: Motion = "same",
        **more: Any,
    ) -> None:
        # Its own policy: positions in half precision would be off by pixels.
        super().__init__(**{"dtype": "float32", "autocast": False, **more})
        self.augmentation, self.layout, self.seed = augmentation, layout, seed
        self.image, self.target = image, target
        self.random = keras.random.SeedGenerator(seed)

    def call(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Augment every example of a batch."""
        planes = _to_planes(ops.cast(batch["inputs"][self.image], "float32"), self.layout)
        count, size = ops.shape(planes)[0], (int(planes.shape[1]), int(planes.shape[2]))
        matrix, shift = self._draw_map(count, size)
        moved = self._intensities(self._moved(planes, matrix, shift, nearest=False), count)
        image = _from_planes(moved, batch["inputs"][self.image], self.layout)
        inputs = {**batch["inputs"], self.image: _within_type(image, batch["inputs"][self.image].dtype)}
        target = batch["target"]
        if self.target == "mask":
            mask = _to_planes(target, self.layout)
            target = _from_planes(self._moved(mask, matrix, shift, nearest=True), target, self.layout)
        elif self.target == "boxes":
            target = move_boxes(target, matrix, shift, size)
        return {**batch, "inputs": inputs, "target": target}

    def _draw_map(self, count: Any, size: tuple[int, int]) -> tuple[Any, Any]:
        """Where each pixel of the new image comes from: old = matrix @ (new − centre) + centre + shift, in (y, x)."""
        ranges = self.augmentation
        angle = self._uniform(count, math.radians(ranges.rotation))
        scale = 1 + self._uniform(count, ranges.zoom)
        up_down, left_right = (
            ops.where(self._uniform(count, 1.0) < 0, -1.0, 1.0) if flips else ops.ones((count,))
            for flips in (ranges.flip_up_down, ranges.flip_left_right)
        )
        cosine, sine = scale * ops.cos(angle), scale * ops.sin(angle)
        rows = [
            ops.stack([cosine * up_down, -sine * left_right], -1),
            ops.stack([sine * up_down, cosine * left_right], -1),
        ]
        shift = ops.stack([self._uniform(count, ranges.shift * side) for side in size], -1)
        return ops.stack(rows, 1), shift

    def _uniform(self, count: Any, limit: float) -> Any:
        return keras.random.uniform((count,), -limit, limit, seed=self.random) if limit else ops.zeros((count,))

    def _moved(self, planes: Any, matrix: Any, shift: Any, nearest: bool) -> Any:
        if self.augmentation.interpolate:
            return warp(planes, matrix, shift, nearest, 0.0 if nearest else self.augmentation.fill)
        for axis in (0, 1):
            flipped = ops.reshape(matrix[:, axis, axis] < 0, (-1, 1, 1, 1))
            planes = ops.where(flipped, ops.flip(planes, axis + 1), planes)
        return planes

    def _intensities(self, planes: Any, count: Any) -> Any:
        ranges = self.augmentation
        if ranges.contrast:
            planes = planes * ops.reshape(1 + self._uniform(count, ranges.contrast), (-1, 1, 1, 1))
        if ranges.brightness:
            planes = planes + ops.reshape(self._uniform(count, ranges.brightness), (-1, 1, 1, 1))
        return planes

    def get_config(self) -> dict[str, Any]:
        """The layer's arguments, for saving."""
        ours = {"augmentation": asdict(self.augmentation), "layout": self.layout, "seed": self.seed}
        return {**super().get_config(), **ours, "image": self.image, "target": self.target}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Augment":
        """From a saved layer's arguments."""
        return cls(**{**config, "augmentation": Augmentation(**config["augmentation"])})


def _within_type(planes: Any, dtype: Any) -> Any:
    """Clipped to the range of an integer type: a byte beyond 255 would wrap around to 0."""
    name = keras.backend.standardize_dtype(dtype)
    if "int" not in name:
        return planes
    limits = np.iinfo(name)
    return ops.clip(planes, limits.min, limits.max)


def warp(planes: Any, matrix: Any, shift: Any, nearest: bool, fill: float) -> Any:
    """Move images (batch, rows, columns, channels), each by its own map.

    Args:
        planes: of any type; the result has it if `nearest`, else float32.
        matrix: (batch, 2, 2), see `Augment`; in (y, x).
        shift: (batch, 2) in pixels.
        nearest: take the nearest pixel (masks); else interpolate between four.
        fill: the value outside the image.
    """
    height, width, channels = (int(side) for side in planes.shape[1:])
    centre = ops.convert_to_tensor([(height - 1) / 2, (width - 1) / 2], "float32")
    y, x = ops.meshgrid(ops.arange(height, dtype="float32"), ops.arange(width, dtype="float32"), indexing="ij")
    places = ops.reshape(ops.stack([y, x], -1), (1, -1, 2)) - centre
    source = ops.matmul(places, ops.swapaxes(matrix, 1, 2)) + (centre + shift)[:, None, :]
    # A border of one pixel stands for all that is outside: cheaper than choosing for each pixel whether it is inside.
    outside = np.asarray(fill).astype(keras.backend.standardize_dtype(planes.dtype)).item()
    bordered = ops.pad(planes, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=outside)
    flat = ops.reshape(bordered, (-1, channels))
    first = ops.arange(ops.shape(planes)[0], dtype="int32")[:, None] * ((height + 2) * (width + 2))

    def pixel(row: Any, column: Any) -> Any:
        row, column = ops.clip(row + 1, 0, height + 1), ops.clip(column + 1, 0, width + 1)
        return ops.take(flat, first + ops.cast(row, "int32") * (width + 2) + ops.cast(column, "int32"), axis=0)

    if nearest:
        moved = pixel(*(ops.round(source[..., axis]) for axis in (0, 1)))
    else:
        above = ops.floor(source)
        (down, right) = (source[..., axis, None] - above[..., axis, None] for axis in (0, 1))
        row, column = above[..., 0], above[..., 1]
        upper = pixel(row, column) * (1 - right) + pixel(row, column + 1) * right
        lower = pixel(row + 1, column) * (1 - right) + pixel(row + 1, column + 1) * right
        moved = upper * (1 - down) + lower * down
    return ops.reshape(moved, (-1, height, width, channels))


def move_boxes(boxes: Any, matrix: Any, shift: Any, size: tuple[int, int]) -> Any:
    """Boxes (batch, boxes, 4 or more), moved as `warp` moves the image of that size; see `Augment`.

    A box covers pixels from x0 to x1 as edges, so a pixel's centre lies half a pixel beyond its number.
    """
    corners, rest = boxes[..., :4], boxes[..., 4:]
    height, width = size
    centre = ops.convert_to_tensor([height / 2, width / 2], "float32")
    x0, y0, x1, y1 = (corners[..., part] for part in range(4))
    points = ops.stack([ops.stack([y, x], -1) for y in (y0, y1) for x in (x0, x1)], -2)  # (batch, boxes, 4, 2)
    there = ops.reshape(points, (ops.shape(points)[0], -1, 2)) - (centre + shift)[:, None, :]
    moved = ops.matmul(there, ops.swapaxes(_inverse(matrix), 1, 2)) + centre
    moved = ops.clip(moved, 0, ops.convert_to_tensor([height, width], "float32"))
    moved = ops.reshape(moved, ops.shape(points))
    low, high = ops.min(moved, -2), ops.max(moved, -2)
    around = ops.stack([low[..., 1], low[..., 0], high[..., 1], high[..., 0]], -1)
    empty = ((x1 - x0) * (y1 - y0) <= 0)[..., None]
    return ops.concatenate([ops.where(empty, corners, around), rest], -1)


def _inverse(matrix: Any) -> Any:
    a, b, c, d = (matrix[:, row, column] for row in (0, 1) for column in (0, 1))
    rows = [ops.stack([d, -b], -1), ops.stack([-c, a], -1)]
    return ops.stack(rows, 1) / (a * d - b * c)[:, None, None]


def _to_planes(image: Any, layout: Layout) -> Any:
    """To (batch, rows, columns, everything else)."""
    if layout == "yx":
        return image[..., None]
    if layout == "yxc":
        return image
    if layout == "zyx":
        return ops.transpose(image, (0, 2, 3, 1))
    _, slices, rows, columns, channels = image.shape
    return ops.reshape(ops.transpose(image, (0, 2, 3, 1, 4)), (-1, rows, columns, slices * channels))


def _from_planes(planes: Any, image: Any, layout: Layout) -> Any:
    """Back to the layout of `image`."""
    if layout == "yx":
        return planes[..., 0]
    if layout == "yxc":
        return planes
    if layout == "zyx":
        return ops.transpose(planes, (0, 3, 1, 2))
    _, slices, rows, columns, channels = image.shape
    return ops.transpose(ops.reshape(planes, (-1, rows, columns, slices, channels)), (0, 3, 1, 2, 4))
