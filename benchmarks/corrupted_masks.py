"""Deliberately corrupted lung masks, each with a typical segmentation error, to test the quality verdict."""

from collections.abc import Iterator

import cc3d
import cv2
import numpy as np

from pulmo.imaging.hounsfield import PADDING_HU
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.morphology import disk
from pulmo.imaging.volume import Volume

_AIR_HU, _GAS_HU = -400, -900


def corrupted(volume: Volume, labels: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """(corruption, labels) for each corruption applicable to this reference mask; `labels` as `LungMask.labels`."""
    inside = np.flatnonzero((labels > 0).any(axis=(1, 2)))
    low, high = int(inside[0]), int(inside[-1])
    middle = (low + high) // 2
    tallest = max((LEFT, RIGHT), key=lambda side: np.count_nonzero(labels == side))
    for side, name in ((LEFT, "left"), (RIGHT, "right")):
        if np.count_nonzero(labels == side) < 0.1 * np.count_nonzero(labels):
            continue
        yield f"{name} lung lost", np.where(labels == side, 0, labels)
        yield f"{name} lower lobe lost", _without_lobe(labels, side, lower=True)
        yield f"{name} upper lobe lost", _without_lobe(labels, side, lower=False)
        yield f"a ball of 0.27 l cut out of the {name} lung", _without_ball(volume, labels, side)
    yield "lower half of the slices lost", _slices_kept(labels, slice(middle, None))
    yield "upper half of the slices lost", _slices_kept(labels, slice(None, middle))
    yield "every second slice lost", _every_second(labels)
    yield "a slab in the middle lost", _without_slab(labels, middle, max(1, (high - low) // 10))
    yield "flat cut in front", _cut_in_front(labels)
    yield "left and right swapped", np.where(labels > 0, 3 - labels, 0).astype(np.uint8)
    yield "dilated by 8 mm", _morphed(volume, labels, cv2.MORPH_DILATE)
    yield "eroded by 8 mm", _morphed(volume, labels, cv2.MORPH_ERODE)
    trachea = _trachea(volume, labels)
    if trachea.any():
        yield "trachea added", np.where(trachea & (labels == 0), np.uint8(tallest), labels)
    gut = _gut_gas(volume, labels, low)
    if gut.any():
        yield "gas of the gut added", np.where(gut & (labels == 0), np.uint8(LEFT), labels)
    yield "a stomach full of food added", _ball_below(volume, labels)
    yield "air in front of the chest added", _air_in_front(volume, labels)


def _fissure(labels: np.ndarray, side: int) -> np.ndarray:
    """An oblique plane through the middle of a lung, as slice index by row, (rows,)."""
    z, y, _ = np.nonzero(labels == side)
    slope = 0.5 * (z.max() - z.min()) / max(1, y.max() - y.min())
    return np.asarray(np.median(z) + slope * (np.arange(labels.shape[1]) - np.median(y)))


def _without_lobe(labels: np.ndarray, side: int, lower: bool) -> np.ndarray:
    below = np.arange(len(labels))[:, None] < _fissure(labels, side)
    lost = below if lower else ~below
    return np.where((labels == side) & lost[:, :, None], 0, labels).astype(np.uint8)


def _slices_kept(labels: np.ndarray, kept: slice) -> np.ndarray:
    result = np.zeros_like(labels)
    result[kept] = labels[kept]
    return result


def _every_second(labels: np.ndarray) -> np.ndarray:
    result = labels.copy()
    result[1::2] = 0
    return result


def _without_slab(labels: np.ndarray, middle: int, thickness: int) -> np.ndarray:
    result = labels.copy()
    result[middle : middle + thickness] = 0
    return result


def _cut_in_front(labels: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero((labels > 0).any(axis=(0, 2)))
    result = labels.copy()
    result[:, : rows[0] + (rows[-1] - rows[0]) // 4] = 0
    return result


def _morphed(volume: Volume, labels: np.ndarray, operation: int) -> np.ndarray:
    kernel = disk(8.0, volume.pixel_spacing_mm)
    return np.stack([cv2.morphologyEx(plane, operation, kernel) for plane in labels])


def _without_ball(volume: Volume, labels: np.ndarray, side: int) -> np.ndarray:
    """A ball of 8 cm diameter removed from the thickest part of a lung."""
    distance = np.stack([cv2.distanceTransform((plane == side).view(np.uint8), cv2.DIST_L2, 3) for plane in labels])
    ball = _ball(volume, np.unravel_index(np.argmax(distance), labels.shape), 40.0)
    return np.where(ball & (labels == side), 0, labels).astype(np.uint8)


def _ball(volume: Volume, centre: tuple[np.integer, ...], radius_mm: float) -> np.ndarray:
    """bool (slices, rows, columns); `centre` in voxels."""
    rows, columns = np.ogrid[: volume.hu.shape[1], : volume.hu.shape[2]]
    y, x = ((rows - centre[1]) * volume.pixel_spacing_mm[0], (columns - centre[2]) * volume.pixel_spacing_mm[1])
    z = volume.positions_mm - volume.positions_mm[centre[0]]
    return np.asarray((y**2 + x**2)[None] + (z**2)[:, None, None] < radius_mm**2)


def _inner_gas(volume: Volume, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labelled components of gas inside the body but outside the reference, and their volumes in litres by label."""
    gas = (volume.hu < _GAS_HU) & (volume.hu > PADDING_HU) & (labels == 0)
    found = cc3d.connected_components(gas, connectivity=6)
    litres = np.bincount(found.ravel()) * float(volume.voxel_litres.mean())
    litres[0] = 0
    edge = np.concatenate(
        [found[:, side].ravel() for side in (0, -1)] + [found[:, :, 0].ravel(), found[:, :, -1].ravel()]
    )
    litres[np.unique(edge)] = 0
    body = _between_tissue(volume)
    share = np.bincount(found.ravel(), weights=body.ravel()) / np.maximum(np.bincount(found.ravel()), 1)
    litres[share < 0.95] = 0
    return found, litres


def _between_tissue(volume: Volume) -> np.ndarray:
    kernel = np.ones((9, 9), np.uint8)
    result = np.zeros(volume.hu.shape, bool)
    for index, plane in enumerate(volume.hu):
        tissue = cv2.morphologyEx((plane > _AIR_HU).view(np.uint8), cv2.MORPH_OPEN, kernel) > 0
        before = np.logical_or.accumulate(tissue, axis=0) & np.logical_or.accumulate(tissue[::-1], axis=0)[::-1]
        beside = np.logical_or.accumulate(tissue, axis=1) & np.logical_or.accumulate(tissue[:, ::-1], axis=1)[:, ::-1]
        result[index] = before & beside
    return result


def _trachea(volume: Volume, labels: np.ndarray) -> np.ndarray:
    """The longest component of gas between the lungs that reaches above their middle."""
    found, litres = _inner_gas(volume, labels)
    inside = np.flatnonzero((labels > 0).any(axis=(1, 2)))
    middle, top = (inside[0] + inside[-1]) / 2, inside[-1]
    boxes = cc3d.statistics(found)["bounding_boxes"]
    heights = {
        label: min(boxes[label][0].stop, top) - boxes[label][0].start
        for label in np.flatnonzero(litres > 0.002)
        if boxes[label][0].stop > middle
    }
    if not heights:
        return np.zeros(labels.shape, bool)
    return np.asarray(found == max(heights, key=lambda label: heights[label]))


def _gut_gas(volume: Volume, labels: np.ndarray, low: int) -> np.ndarray:
    """All components of gas of 5 ml or more centred below the lungs' lower third."""
    found, litres = _inner_gas(volume, labels)
    inside = np.flatnonzero((labels > 0).any(axis=(1, 2)))
    limit = low + (inside[-1] - low) / 3
    boxes = cc3d.statistics(found)["bounding_boxes"]
    wanted = [
        label for label in np.flatnonzero(litres > 0.005) if (boxes[label][0].start + boxes[label][0].stop) / 2 < limit
    ]
    return np.isin(found, wanted) if wanted else np.zeros(labels.shape, bool)


def _ball_below(volume: Volume, labels: np.ndarray) -> np.ndarray:
    """A ball of 7 cm diameter, 0.18 l, added below the left lung's dome (the right one's without a left lung)."""
    side = LEFT if (labels == LEFT).sum() > 0.1 * (labels > 0).sum() else RIGHT
    y, x = (int(np.median(part)) for part in np.nonzero(labels == side)[1:])
    column = np.flatnonzero(labels[:, y, x] == side)
    centre = int(np.argmin(np.abs(volume.positions_mm - volume.positions_mm[column[0]] + 20)))
    ball = _ball(volume, (np.int64(centre), np.int64(y), np.int64(x)), 35.0)
    return np.where(ball & (labels == 0), np.uint8(side), labels)


def _air_in_front(volume: Volume, labels: np.ndarray) -> np.ndarray:
    """Air within 8 cm in front of the chest, over the middle third of the lungs."""
    inside = np.flatnonzero((labels > 0).any(axis=(1, 2)))
    result = labels.copy()
    reach = round(80 / volume.pixel_spacing_mm[0])
    for index in range(inside[0] + len(inside) // 3, inside[0] + 2 * len(inside) // 3):
        air = (volume.hu[index] < _GAS_HU) & (volume.hu[index] > PADDING_HU)
        outside = air & ~np.logical_or.accumulate(volume.hu[index] > _AIR_HU, axis=0)
        first = np.argmax(volume.hu[index] > _AIR_HU, axis=0)
        rows = np.arange(labels.shape[1])[:, None]
        result[index][outside & (rows > first - reach)] = LEFT
    return result
