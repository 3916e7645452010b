"""Stored values → Hounsfield units (HU): −1000 is air, 0 water; padding is PADDING_HU."""

import math

import cc3d
import cv2
import numpy as np

from pulmo.imaging.slices import SliceHeader
from pulmo.imaging.stored_bits import stored_range

LOWEST_HU, HIGHEST_HU = -1024, 3071
PADDING_HU = -2048
"""Marks padding (outside the reconstruction circle): below every HU, so that it never counts as air."""

_FAR_BELOW_AIR_HU = -1200
_THINNEST_TISSUE_HU = -900
_INT16_HOLDS = 28_000
"""With a smaller intercept the clipped stored values fit into int16, too."""


def to_hounsfield(stored: np.ndarray, header: SliceHeader) -> np.ndarray:
    """HU = slope × stored + intercept, int16 (rows, columns), clipped to −1024…3071, padding marked PADDING_HU.

    Padding is what the header declares, unless that is the value of some tissue (0 with intercept 0 would be all
    water), and every value far below air: files exist with PixelPaddingValue −2000 and a fill of −3024.
    """
    padding = _padding(stored, header)
    if header.slope == 1.0 and header.intercept.is_integer() and stored.dtype.kind in "iu":
        hu = _shifted(stored, int(header.intercept))
    else:
        rescaled = stored * np.float32(header.slope) + np.float32(header.intercept)
        hu = np.rint(np.clip(rescaled, LOWEST_HU, HIGHEST_HU)).astype(np.int16)
    if padding is not None:
        # An eighth of the time of NumPy's masked copy.
        cv2.copyTo(np.full_like(hu, PADDING_HU), padding.view(np.uint8), hu)
    return hu


def _padding(stored: np.ndarray, header: SliceHeader) -> np.ndarray | None:
    """The mask of padding, bool; None if there is none."""
    limit = (_FAR_BELOW_AIR_HU - header.intercept) / header.slope
    below: np.ndarray = stored < math.ceil(limit) if header.slope > 0 else stored > math.floor(limit)
    declared = _declared(header)
    if declared is not None:
        below |= (
            stored == declared[0] if declared[0] == declared[1] else (stored >= declared[0]) & (stored <= declared[1])
        )
    return below if below.any() else None


def _declared(header: SliceHeader) -> tuple[int, int] | None:
    """The header's padding, if it is neither the value of a tissue nor far below air, which counts as padding anyway.

    Values outside the range of Bits Stored are padding whatever they would be in HU.
    """
    if header.padding is None:
        return None
    low, high = stored_range(header.bits_stored, np.dtype(header.dtype).kind == "i")
    if not low <= header.padding[0] <= header.padding[1] <= high:
        return header.padding
    highest_hu = max(value * header.slope + header.intercept for value in header.padding)
    return header.padding if _FAR_BELOW_AIR_HU <= highest_hu < _THINNEST_TISSUE_HU else None


def _shifted(stored: np.ndarray, intercept: int) -> np.ndarray:
    """Slope 1, as in nearly all files: clipped before it is shifted, so that int16 never overflows."""
    limits = np.iinfo(stored.dtype)
    low = min(max(LOWEST_HU - intercept, limits.min), limits.max)
    high = min(max(HIGHEST_HU - intercept, limits.min), limits.max)
    wide_enough = np.int16 if abs(intercept) < _INT16_HOLDS else np.int32
    hu: np.ndarray = np.clip(stored, low, high).astype(wide_enough, copy=False)
    hu += intercept
    return hu.astype(np.int16, copy=False)


def constant_frame(hu: np.ndarray) -> np.ndarray:
    """Pixels of one constant value in every slice, connected to a corner: bool (rows, columns).

    Every measured pixel has noise, so this is padding that no header declares: the corners outside the reconstruction
    circle, or the frame of an image pasted into a larger one. All four corners must have the value.
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
