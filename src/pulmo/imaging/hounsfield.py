"""Stored values → Hounsfield units (HU): −1000 is air, 0 water; what the scanner did not measure is PADDING_HU."""

import math

import cc3d
import numpy as np

from pulmo.imaging.slices import SliceHeader
from pulmo.imaging.stored_bits import stored_range

LOWEST_HU, HIGHEST_HU = -1024, 3071
PADDING_HU = -2048
"""Stands where nothing was measured (outside the scanner's circle): below every HU, so that it never counts as air."""

_FAR_BELOW_AIR_HU = -1200
_THINNEST_TISSUE_HU = -900
_INT16_HOLDS = 28_000
"""An intercept below this leaves the clipped stored values, too, within int16."""


def to_hounsfield(stored: np.ndarray, header: SliceHeader) -> np.ndarray:
    """HU = slope × stored + intercept, int16 (rows, columns), clipped to −1024…3071, padding marked PADDING_HU.

    Padding is what the header declares, unless that is some tissue's value (0 with intercept 0 would be all water),
    and whatever lies far below air: files exist whose tag says −2000 and whose fill is −3024.
    """
    padding = _padding(stored, header)
    if header.slope == 1.0 and header.intercept.is_integer() and stored.dtype.kind in "iu":
        hu = _shifted(stored, int(header.intercept))
    else:
        rescaled = stored * np.float32(header.slope) + np.float32(header.intercept)
        hu = np.rint(np.clip(rescaled, LOWEST_HU, HIGHEST_HU)).astype(np.int16)
    if padding is not None:
        np.copyto(hu, np.int16(PADDING_HU), where=padding)
    return hu


def _padding(stored: np.ndarray, header: SliceHeader) -> np.ndarray | None:
    """Where nothing was measured; None for nowhere."""
    limit = (_FAR_BELOW_AIR_HU - header.intercept) / header.slope
    below: np.ndarray = stored < math.ceil(limit) if header.slope > 0 else stored > math.floor(limit)
    declared = _declared(header)
    if declared is not None:
        below |= (
            stored == declared[0] if declared[0] == declared[1] else (stored >= declared[0]) & (stored <= declared[1])
        )
    return below if below.any() else None


def _declared(header: SliceHeader) -> tuple[int, int] | None:
    """The header's padding, if it is neither tissue nor so far below air that it needs no declaring.

    What Bits Stored cannot hold is no tissue, whatever it would be in HU.
    """
    if header.padding is None:
        return None
    low, high = stored_range(header.bits_stored, np.dtype(header.dtype).kind == "i")
    if not low <= header.padding[0] <= header.padding[1] <= high:
        return header.padding
    highest_hu = max(value * header.slope + header.intercept for value in header.padding)
    return header.padding if _FAR_BELOW_AIR_HU <= highest_hu < _THINNEST_TISSUE_HU else None


def _shifted(stored: np.ndarray, intercept: int) -> np.ndarray:
    """Slope 1, as nearly every scanner writes it: clipped before it is shifted, so that int16 never overflows."""
    limits = np.iinfo(stored.dtype)
    low = min(max(LOWEST_HU - intercept, limits.min), limits.max)
    high = min(max(HIGHEST_HU - intercept, limits.min), limits.max)
    wide_enough = np.int16 if abs(intercept) < _INT16_HOLDS else np.int32
    hu: np.ndarray = np.clip(stored, low, high).astype(wide_enough, copy=False)
    hu += intercept
    return hu.astype(np.int16, copy=False)


def constant_frame(hu: np.ndarray) -> np.ndarray:
    """Pixels that hold one and the same value in every slice and hang together with a corner, bool (rows, columns).

    Noise spares no measured pixel, so this is filling that no header declares: the corners outside the scanner's
    circle, or the frame of a picture that was pasted into a larger one. All four corners must hold the value.
    """
    value = hu[0, 0, 0]
    constant = np.full(hu.shape[1:], True)
    if (hu[:, [0, 0, -1, -1], [0, -1, 0, -1]] != value).any():
        return ~constant
    for plane in hu:
        constant &= plane == value
    labels = cc3d.connected_components(constant, connectivity=4)
    corners = {labels[0, 0], labels[0, -1], labels[-1, 0], labels[-1, -1]}
    return np.isin(labels, list(corners))
