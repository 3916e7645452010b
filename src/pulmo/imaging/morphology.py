"""Binary morphology in two dimensions, plane by plane: slices are too far apart for three-dimensional kernels."""

import cv2
import numpy as np

BoundingBox = tuple[slice, slice, slice]

SQUARE = np.ones((3, 3), np.uint8)


def disk(radius_mm: float, spacing_mm: tuple[float, float]) -> np.ndarray:
    """A disc-shaped kernel, uint8, of a radius in millimetres; pixels (rows, columns) need not be square."""
    reach_y, reach_x = (max(0, int(radius_mm / spacing + 0.5)) for spacing in spacing_mm)
    y, x = np.ogrid[-reach_y : reach_y + 1, -reach_x : reach_x + 1]
    inside: np.ndarray = (y * spacing_mm[0]) ** 2 + (x * spacing_mm[1]) ** 2 <= (radius_mm + 1e-6) ** 2
    inside[reach_y, reach_x] = True
    return inside.astype(np.uint8)


def dilation(mask: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Dilation of a bool mask (planes, rows, columns)."""
    return _as_mask([cv2.dilate(plane, kernel) for plane in _planes(mask)])


def erosion(mask: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Erosion of a bool mask (planes, rows, columns), zero-padded at the edge."""
    return _as_mask(
        [cv2.erode(plane, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) for plane in _planes(mask)]
    )


def opening(mask: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Opening of a bool mask (planes, rows, columns), replicated at the edge."""
    return _as_mask([cv2.morphologyEx(plane, cv2.MORPH_OPEN, kernel) for plane in _planes(mask)])


def closing(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Closing of a plane uint8 (rows, columns), zero-padded at the edge."""
    # It never leaves the bounding box.
    left, top, width, height = cv2.boundingRect(plane)
    box = slice(top, top + height), slice(left, left + width)
    y, x = (length // 2 for length in kernel.shape)
    padded = cv2.copyMakeBorder(plane[box], y, y, x, x, cv2.BORDER_CONSTANT, value=0)
    closed = np.zeros_like(plane)
    closed[box] = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)[y : y + height, x : x + width]
    return closed


def between(mask: np.ndarray, axis: int) -> np.ndarray:
    """Positions with the bool mask on both sides along an axis."""
    length = mask.shape[axis]
    first = mask.argmax(axis=axis, keepdims=True).astype(np.int16)
    behind = (length - np.flip(mask, axis).argmax(axis=axis, keepdims=True)).astype(np.int16)
    behind[~mask.any(axis=axis, keepdims=True)] = 0
    place = np.arange(length, dtype=np.int16).reshape([-1 if each == axis else 1 for each in range(mask.ndim)])
    both: np.ndarray = (place >= first) & (place < behind)
    return both


def bounding_box(mask: np.ndarray) -> BoundingBox:
    """The bounding box of a bool mask (planes, rows, columns); empty for an empty mask."""
    flat = mask.any(axis=0)
    used = [np.flatnonzero(line) for line in (mask.any(axis=(1, 2)), flat.any(axis=1), flat.any(axis=0))]
    z, y, x = (slice(int(line[0]), int(line[-1]) + 1) if len(line) else slice(0, 0) for line in used)
    return z, y, x


def widened(box: BoundingBox, margin: int, shape: tuple[int, ...]) -> BoundingBox:
    """A box with `margin` more rows and columns on either side, clipped to `shape`."""
    y, x = (
        slice(max(0, side.start - margin), min(length, side.stop + margin))
        for side, length in zip(box[1:], shape[1:], strict=True)
    )
    return box[0], y, x


def _planes(mask: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(mask).view(np.uint8)


def _as_mask(planes: list[np.ndarray]) -> np.ndarray:
    mask: np.ndarray = np.stack(planes).view(bool)
    return mask
