"""Rasterizes shapes in millimetres to images of tissue thickness: filled outlines, rounded masks, ellipsoids, lines."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

_SHIFT = 4
"""OpenCV takes coordinates in sixteenths of a pixel."""
_SOFT = 1.41
"""Width in pixels of OpenCV's thinnest antialiased line. Lines of even thickness are wider than requested by this,
those of odd thickness as wide as the next even one (measured)."""


@dataclass(frozen=True)
class Canvas:
    """A square image of `pixels` a side, of a field of `field_mm` around `centre_mm`.

    Points are (x, y) in mm: x to the right of the image (the patient's left), y down, rotated by `degrees`.
    """

    pixels: int
    field_mm: float
    centre_mm: tuple[float, float] = (0.0, 0.0)
    degrees: float = 0.0

    @property
    def scale(self) -> float:
        """Pixels per millimetre."""
        return self.pixels / self.field_mm

    @cached_property
    def _rotation(self) -> np.ndarray:
        cosine, sine = math.cos(math.radians(self.degrees)), math.sin(math.radians(self.degrees))
        return np.array([[cosine, -sine], [sine, cosine]])

    def widened(self, margin: int) -> "Canvas":
        """The same image with `margin` more pixels on every side."""
        pixels = self.pixels + 2 * margin
        return replace(self, pixels=pixels, field_mm=self.field_mm * pixels / self.pixels)

    def to_pixels(self, points_mm: np.ndarray) -> np.ndarray:
        """Points (..., 2) in mm → (column, row), (..., 2); integers are the pixels' centres."""
        return np.asarray(
            (points_mm - np.asarray(self.centre_mm)) @ self._rotation.T * self.scale + (self.pixels - 1) / 2
        )

    @cached_property
    def points_mm(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y of every pixel's centre, each (pixels, pixels) float32 in mm."""
        steps = ((np.arange(self.pixels) - (self.pixels - 1) / 2) / self.scale).astype(np.float32)
        (cosine, sine), (x, y) = self._rotation[:, 0].astype(np.float32), np.asarray(self.centre_mm, np.float32)
        across, down = steps[None, :], steps[:, None]
        return cosine * across + sine * down + x, cosine * down - sine * across + y

    def filled(self, *outlines_mm: np.ndarray) -> np.ndarray:
        """The mask of the union of outlines, each (points, 2): (pixels, pixels) uint8 of 0 and 1."""
        mask = np.zeros((self.pixels, self.pixels), np.uint8)
        for outline in outlines_mm:
            cv2.fillPoly(mask, [self._fixed(outline)], 1, lineType=cv2.LINE_8, shift=_SHIFT)
        return mask

    def rounded(self, mask: np.ndarray, depth_mm: float, rim_mm: float) -> np.ndarray:
        """Thickness over a mask, float32 in mm: `depth_mm`, with a circular profile within `rim_mm` of its border."""
        inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
        outside = 1 - np.minimum(inside / np.float32(rim_mm * self.scale), 1)
        return np.asarray(np.float32(depth_mm) * np.sqrt(1 - outside * outside))

    def add_ellipsoid(
        self, image: np.ndarray, centre_mm: np.ndarray, semi_axes_mm: tuple[float, float, float], power: float = 0.5
    ) -> None:
        """Add the thickness of an ellipsoid to a float32 image in mm; the third semi-axis is along the beam.

        A `power` above the ½ of an ellipsoid makes softer edges.
        """
        a, b, c = semi_axes_mm
        column, row = self.to_pixels(centre_mm)
        reach = max(a, b) * self.scale + 1
        window = self._span(row, reach), self._span(column, reach)
        x, y = (axis[window] - np.float32(middle) for axis, middle in zip(self.points_mm, centre_mm, strict=True))
        inside = np.maximum(1 - (x / np.float32(a)) ** 2 - (y / np.float32(b)) ** 2, 0)
        image[window] += np.float32(2 * c) * (np.sqrt(inside) if power == 0.5 else inside ** np.float32(power))

    def layer(self) -> np.ndarray:
        """An empty layer for `stroke`: (pixels, pixels) uint8."""
        return np.zeros((self.pixels, self.pixels), np.uint8)

    def stroke(self, layer: np.ndarray, paths_mm: Sequence[np.ndarray], width_mm: float, value: float) -> None:
        """Draw lines along `paths_mm`, (points, 2) each, onto a layer, `value` in 0…255.

        Where OpenCV draws them wider than `width_mm`, the value is reduced in proportion.
        """
        width = width_mm * self.scale
        thickness = 2 * math.ceil(max(width - _SOFT, 0) / 2)
        ends = np.cumsum([len(path) for path in paths_mm])[:-1]
        cv2.polylines(
            layer,
            np.split(self._fixed(np.concatenate(paths_mm)), ends),
            isClosed=False,
            color=round(value * width / (thickness + _SOFT)),
            thickness=max(1, thickness),
            lineType=cv2.LINE_AA,
            shift=_SHIFT,
        )

    def smooth(self, image: np.ndarray, sd_mm: float) -> np.ndarray:
        """Blurred by a Gaussian; float32."""
        blurred: np.ndarray = cv2.GaussianBlur(image.astype(np.float32, copy=False), (0, 0), sd_mm * self.scale)
        return blurred

    def _span(self, middle: float, reach: float) -> slice:
        return slice(max(0, math.floor(middle - reach)), max(0, math.ceil(middle + reach) + 1))

    def _fixed(self, points_mm: np.ndarray) -> np.ndarray:
        return np.asarray(np.rint(self.to_pixels(points_mm) * (1 << _SHIFT)).astype(np.int32))


def curve(corners_mm: np.ndarray, closed: bool = True, rounds: int = 3) -> np.ndarray:
    """Corners (n, 2) smoothed by Chaikin's corner cutting; repeated corners stay sharper."""
    points = np.asarray(corners_mm, float)
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0) if closed else points[1:]
        here = points if closed else points[:-1]
        cut = np.stack([0.75 * here + 0.25 * following, 0.25 * here + 0.75 * following], axis=1).reshape(-1, 2)
        points = cut if closed else np.concatenate([points[:1], cut, points[-1:]])
    return points


def resampled_path(path_mm: np.ndarray, count: int) -> np.ndarray:
    """`count` points at equal distances along a closed path (n, 2), from its first point on."""
    closed = np.concatenate([path_mm, path_mm[:1]])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    wanted = np.linspace(0, length[-1], count, endpoint=False)
    return np.stack([np.interp(wanted, length, closed[:, axis]) for axis in (0, 1)], axis=1)
