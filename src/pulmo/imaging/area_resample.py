"""Area-weighted resampling of a volume to any size: each new voxel is the mean, or the maximum, of what it covers.

Weights are the true overlaps, so that the mean of the whole volume is unchanged, up- or downsampling.
"""

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np


class Size(NamedTuple):
    """Voxels of a new volume."""

    slices: int
    rows: int
    columns: int


def edges_between(positions_mm: np.ndarray) -> np.ndarray:
    """Borders of slices at (n,) rising positions, (n + 1,): the midpoints between neighbours."""
    positions = np.asarray(positions_mm, np.float64)
    step = float(np.median(np.diff(positions))) if len(positions) > 1 else 1.0
    middles = (positions[1:] + positions[:-1]) / 2
    return np.concatenate([[positions[0] - step / 2], middles, [positions[-1] + step / 2]])


def overlaps(edges: np.ndarray, cells: int) -> np.ndarray:
    """Fraction of each of `cells` equal cells that each old interval covers, (cells, n) float32; rows sum to 1.

    `edges` (n + 1,) rise; the cells cover the same range.
    """
    bounds = np.linspace(edges[0], edges[-1], cells + 1)
    low, high = bounds[:-1, None], bounds[1:, None]
    covered = np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None)
    return np.asarray(covered / covered.sum(axis=1, keepdims=True), np.float32)


def area_mean(planes: Iterable[np.ndarray], edges: np.ndarray, size: Size) -> np.ndarray:
    """Means over what each new voxel covers.

    Args:
        planes: slices (rows, columns) of any number type, one after the other.
        edges: where slices begin and end, (slices + 1,), rising.
        size: of the new volume, which covers the same space.

    Returns:
        float32 (slices, rows, columns).
    """
    weights = overlaps(edges, size.slices)
    # Along the normal first: that pass reads all voxels, and needs only additions.
    thick: np.ndarray | None = None
    for index, plane in enumerate(planes):
        if thick is None:
            thick = np.zeros((size.slices, *plane.shape), np.float32)
        values = plane.astype(np.float32)
        for cell in np.flatnonzero(weights[:, index]):
            cv2.scaleAdd(values, float(weights[cell, index]), thick[cell], dst=thick[cell])
    assert thick is not None
    if thick.shape[1] >= size.rows and thick.shape[2] >= size.columns:
        # The same, by OpenCV, whose INTER_AREA averages only where both sides shrink.
        wanted = size.columns, size.rows
        return np.stack([cv2.resize(plane, wanted, interpolation=cv2.INTER_AREA) for plane in thick])
    down, across = (overlaps(np.arange(n + 1.0), cells) for n, cells in zip(thick.shape[1:], size[1:], strict=True))
    return np.asarray(down @ thick @ across.T)


def area_max(planes: Iterable[np.ndarray], edges: np.ndarray, size: Size) -> np.ndarray:
    """The maximum over all voxels that each new voxel covers, wholly or in part; arguments as `area_mean`'s.

    Returns:
        (slices, rows, columns) of the planes' type.
    """
    touched = overlaps(edges, size.slices) > 0
    thick: np.ndarray | None = None
    filled = np.zeros(size.slices, bool)
    for index, plane in enumerate(planes):
        if thick is None:
            thick = np.empty((size.slices, *plane.shape), plane.dtype)
        for cell in np.flatnonzero(touched[:, index]):
            thick[cell] = np.maximum(thick[cell], plane) if filled[cell] else plane
            filled[cell] = True
    assert thick is not None
    return _max_along(_max_along(thick, 1, size.rows), 2, size.columns)


def _max_along(volume: np.ndarray, axis: int, cells: int) -> np.ndarray:
    touched = overlaps(np.arange(volume.shape[axis] + 1.0), cells) > 0
    parts = [volume.take(np.flatnonzero(row), axis=axis).max(axis=axis) for row in touched]
    return np.stack(parts, axis=axis)
