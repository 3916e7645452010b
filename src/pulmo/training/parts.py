"""Rows in parts, so that what is held in memory does not grow with their number."""

import mmap
from collections.abc import Mapping

import numpy as np

PART_BYTES = 2**26
"""What a part of the rows takes, about: 256 images of 512 x 512 bytes."""
MULTIPLE = 64
"""Parts but the last are a multiple of this many rows: a whole number of batches."""


def in_parts(rows: np.ndarray, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Row numbers in parts, in order; one empty part where there are none.

    Args:
        rows: (rows,) int.
        arrays: (…, …) each, whose rows they are; together a part of them takes about PART_BYTES.
    """
    row_bytes = sum(array.dtype.itemsize * int(np.prod(array.shape[1:])) for array in arrays.values())
    step = max(1, PART_BYTES // max(1, row_bytes) // MULTIPLE) * MULTIPLE
    return [rows[first : first + step] for first in range(0, max(1, len(rows)), step)]


def release(arrays: Mapping[str, np.ndarray]) -> None:
    """Take the pages of memory-mapped arrays out of this process's memory; they are read again when they are needed.

    The system would take them itself when memory is short, but until then they count as the process's, and a container
    with a limit is measured by them. Arrays in memory stay.
    """
    for array in arrays.values():
        owner: object = array
        while isinstance(owner, np.ndarray):
            owner = owner.base
        if isinstance(owner, mmap.mmap) and hasattr(owner, "madvise"):  # not on Windows
            owner.madvise(mmap.MADV_DONTNEED)
