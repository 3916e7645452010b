"""Extracts pixel values from stored words: Bits Stored bits, from High Bit down (DICOM PS3.5, 8.1.1).

The other bits may hold anything: old files keep overlays there, and signed values need not be sign-extended.
"""

import numpy as np


def stored_range(bits_stored: int, signed: bool) -> tuple[int, int]:
    """(minimum, maximum) of integers of `bits_stored` bits."""
    low = -(1 << (bits_stored - 1)) if signed else 0
    return low, low + (1 << bits_stored) - 1


def stored_values(
    words: np.ndarray, bits_stored: int, high_bit: int, padding: tuple[int, int] | None = None
) -> np.ndarray:
    """Words as allocated, integers (rows, columns) → the pixels' values, of the same dtype.

    Words of a `padding` outside the range of Bits Stored (63536 of 12 bits) are unchanged, so that they differ from
    tissue. Raises ValueError where the pixels are below the bits that High Bit declares.
    """
    low, high = stored_range(bits_stored, words.dtype.kind == "i")
    bits_allocated = 8 * words.itemsize
    unused, above = bits_allocated - bits_stored, bits_allocated - 1 - high_bit
    if not unused or (above == unused and words.max() <= high and (not low or words.min() >= low)):
        return words
    if above < unused:
        _check_place(words, bits_stored, high_bit)
    values: np.ndarray = words << above
    values >>= unused  # sign-extends signed values
    if padding is not None and not low <= padding[0] <= padding[1] <= high:
        np.copyto(values, words, where=(words >= padding[0]) & (words <= padding[1]))
    return values


def _check_place(words: np.ndarray, bits_stored: int, high_bit: int) -> None:
    """A wrong High Bit in the header would lose the lower bits of every pixel."""
    bits = words.view(f"u{words.itemsize}")
    if bits.max() < 1 << bits_stored and (bits & ((1 << (high_bit + 1 - bits_stored)) - 1)).any():
        raise ValueError(
            f"HighBit {high_bit} and BitsStored {bits_stored} contradict its pixels, which are in lower bits"
        )
