"""SIIM's relative run-length encoding of masks: parsing, encoding, decoding, and set operations on the runs.

An encoded mask is pairs *offset length*, the offset counted from the end of the previous run; pixels are numbered down
the columns first, from 0; `-1` is an empty mask. (Source: the data page of Kaggle's SIIM-ACR Pneumothorax Segmentation.
Kaggle's own helper drops a run that touches the last pixel; this does not.)

`mask_to_rle` and `rle_to_mask` convert one mask. All else processes many masks at once, concatenated on one line of
pixels at intervals of `stride`.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pulmo.errors import Fault, UserError
from pulmo.scoring.characters import odd_word

EMPTY = "-1"
_WHOLE = re.compile(r"-?[0-9]+")
LARGEST = 2**40
"""Above the pixels of any image; larger numbers are clipped to it, so that sums do not overflow."""
DIGITS = 12
"""Longest number that is parsed, below LARGEST."""
BITS = 63
"""Bits of a non-negative int64."""
PIXELS_AT_ONCE = 1 << 20  # fits a processor's cache
ROUNDING = 1e-9


class RunLengthMasks(NamedTuple):
    """Many masks as runs of pixels, sorted and without overlap.

    Attributes:
        offsets: (masks + 1,) int64: the runs of mask i are those from `offsets[i]` up to `offsets[i + 1]`.
        starts, ends: (runs,) int64: first pixel of each run, and the one after its last.
    """

    offsets: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @property
    def owners(self) -> np.ndarray:
        """The index of each run's mask, (runs,) int64."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def __repr__(self) -> str:
        return f"RunLengthMasks({len(self.offsets) - 1:,} masks of {len(self.starts):,} runs)"

    def take(self, which: Sequence[int] | np.ndarray) -> "RunLengthMasks":
        """Selected masks, in the given order."""
        which = np.asarray(which, np.int64)
        counts = np.diff(self.offsets)[which]
        offsets = _offsets(counts)
        runs = np.arange(offsets[-1]) + np.repeat(self.offsets[which] - offsets[:-1], counts)
        return RunLengthMasks(offsets, self.starts[runs], self.ends[runs])


class EncodingFault(NamedTuple):
    """An invalid encoding and its remedy; `row` counts from 0."""

    row: int
    what: str
    remedy: str


def mask_to_rle(mask: np.ndarray) -> str:
    """One mask (rows, columns), nonzero inside, → its encoding, `-1` where it is empty.

    Raises:
        ValueError: the array has another number of axes, or holds fractions, as probabilities do.
    """
    if mask.ndim != 2:
        raise ValueError(f"a mask has the axes (rows, columns); this array has the shape {mask.shape}")
    if mask.dtype.kind == "f" and (fractions := mask[mask != np.floor(mask)]).size:  # NaN, too, is not its own floor
        what = f"a mask is 0 outside and a whole number inside; this array holds {fractions[0]:g}"
        raise ValueError(f"{what}: choose a threshold, such as mask_to_rle(probability > 0.5)")
    return to_text(encode(mask))[0]


def rle_to_mask(encoded: str, shape: tuple[int, int] = (1024, 1024)) -> np.ndarray:
    """One encoded mask → uint8 (rows, columns), 1 inside.

    Args:
        encoded: pairs *offset length*, or `-1` for an empty mask.
        shape: rows and columns of the image; by default those of the competition's images.

    Raises:
        UserError: the encoding is invalid, or a run exceeds the image.
    """
    masks, faults = parse_checked([str(encoded)], shape[0] * shape[1])
    if faults:
        raise UserError(Fault("encoded mask", fault.what, fault.remedy) for fault in faults)
    return np.asarray(decode(masks, shape)[0])


def parse(encoded: Sequence[str]) -> RunLengthMasks:
    """Encoded masks → masks; a single string is one mask.

    Raises:
        ValueError: an encoding is invalid.
    """
    masks, faults = parse_checked([encoded] if isinstance(encoded, str) else encoded, LARGEST)
    if faults:
        raise ValueError(f"encoding {faults[0].row} {faults[0].what}")
    return masks


def parse_checked(encoded: Sequence[str], pixels: int) -> tuple[RunLengthMasks, list[EncodingFault]]:
    """Encoded masks → masks of images of `pixels` pixels, and the first fault of every invalid encoding.

    The masks of invalid encodings are meaningless.
    """
    numbers, counts, bad = _numbers(encoded)
    starts, ends = _absolute(numbers, counts)
    wrong = (ends > pixels) | (starts == ends)
    if wrong.any():
        bad[np.repeat(np.arange(len(counts)), counts // 2)[wrong]] = True
    masks = RunLengthMasks(_offsets(counts // 2), starts, ends)
    return masks, [EncodingFault(row, *_explain(encoded[row], pixels)) for row in np.flatnonzero(bad).tolist()]


def find_faults(encoded: Sequence[str], pixels: int) -> list[EncodingFault]:
    """The faults of invalid encodings of masks of images of `pixels` pixels."""
    return parse_checked(encoded, pixels)[1]


def to_text(masks: RunLengthMasks) -> list[str]:
    """Masks → encoded masks."""
    numbers = np.empty(2 * len(masks.starts), np.int64)
    before = np.concatenate([[0], masks.ends[:-1]])[: len(masks.starts)]
    firsts = masks.offsets[:-1][np.diff(masks.offsets) > 0]
    before[firsts] = 0
    numbers[::2], numbers[1::2] = masks.starts - before, masks.ends - masks.starts
    words = list(map(str, numbers.tolist()))
    borders = (2 * masks.offsets).tolist()
    return [" ".join(words[a:b]) or EMPTY for a, b in pairwise(borders)]


def encode(images: np.ndarray) -> RunLengthMasks:
    """Arrays (masks, rows, columns), nonzero inside, → masks; an array (rows, columns) is one mask.

    Fastest for column-major memory, as returned by `decode`; otherwise columns are gathered first.
    """
    images = images[None] if images.ndim == 2 else images
    count, pixels = len(images), images.shape[1] * images.shape[2]
    columns = images.transpose(0, 2, 1)
    at_once = max(1, PIXELS_AT_ONCE // max(pixels, 1))
    found = [_edges(columns[first : first + at_once]) for first in range(0, count, at_once)]
    edges = np.concatenate([first * at_once * pixels + part for first, part in enumerate(found)] or [np.empty(0, int)])
    return _from_line(edges[::2], edges[1::2], count, pixels)


def decode(masks: RunLengthMasks, shape: tuple[int, int]) -> np.ndarray:
    """Masks → arrays (masks, rows, columns) of 0 and 1, uint8, column-major in memory.

    Args:
        masks: of images of this shape.
        shape: rows, columns.

    Raises:
        ValueError: a run exceeds the image.
    """
    rows, columns = shape
    count, pixels = len(masks.offsets) - 1, rows * columns
    if len(masks.ends) and masks.ends.max() > pixels:
        raise ValueError(f"a run ends at pixel {masks.ends.max()}, an image of {rows} × {columns} has {pixels}")
    edges = np.concatenate([[0], _line(masks, pixels).ravel(), [count * pixels]])
    values = np.zeros(len(edges) - 1, np.uint8)
    values[1::2] = 1
    return np.repeat(values, np.diff(edges)).reshape(count, columns, rows).transpose(0, 2, 1)


def area(masks: RunLengthMasks) -> np.ndarray:
    """Number of pixels of each mask, (masks,) int64."""
    return _sums(masks.ends - masks.starts, masks.offsets)


def union(masks: RunLengthMasks, groups: np.ndarray, count: int) -> RunLengthMasks:
    """The union of the masks of each group.

    Args:
        masks: in any order.
        groups: (masks,) the group of each mask, from 0.
        count: number of groups; one without masks is empty.
    """
    stride, lengths = _stride(masks), masks.ends - masks.starts
    length_bits = int(lengths.max(initial=0)).bit_length()
    if (count * stride).bit_length() + length_bits > BITS:
        return _thresholded(masks, groups, np.zeros(len(groups), np.int64), np.ones(1), 1.0, count)
    # Each run is packed into one integer, its position on the line and then its length, so that plain sorting suffices.
    line = np.repeat(np.asarray(groups, np.int64) * stride, np.diff(masks.offsets))
    line += masks.starts
    line <<= length_bits
    line += lengths
    line.sort(kind="stable")  # fast, as each mask is already sorted
    starts = line >> length_bits
    line &= (1 << length_bits) - 1
    line += starts
    reach = np.maximum.accumulate(line, out=line)
    first = np.append(0, np.flatnonzero(starts[1:] > reach[:-1]) + 1)[: len(starts)]
    return _from_line(starts[first], reach[np.roll(first, -1) - 1], count, stride)


def vote(masks: Sequence[RunLengthMasks], weights: Sequence[float], threshold: float) -> RunLengthMasks:
    """The pixels with a sufficient weighted vote.

    Args:
        masks: one set per voter, all of the same images in the same order.
        weights: one per voter, not negative; normalized to sum 1.
        threshold: the smallest sufficient weight, above 0 and at most 1; a small one gives the union.
    """
    count = len(masks[0].offsets) - 1
    voters = np.repeat(np.arange(len(masks)), count)
    shares = np.asarray(weights, np.float64) / np.sum(weights)
    return _thresholded(_joined(masks), np.tile(np.arange(count), len(masks)), voters, shares, threshold, count)


def intersection(first: RunLengthMasks, second: RunLengthMasks) -> RunLengthMasks:
    """The intersections of pairs of masks."""
    return vote([first, second], [1, 1], 1.0)


def _joined(masks: Sequence[RunLengthMasks]) -> RunLengthMasks:
    each = _offsets(np.array([len(part.starts) for part in masks]))
    return RunLengthMasks(
        np.concatenate([[0], *(part.offsets[1:] + first for part, first in zip(masks, each[:-1], strict=True))]),
        np.concatenate([part.starts for part in masks]),
        np.concatenate([part.ends for part in masks]),
    )


def _numbers(encoded: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All numbers of valid encodings, concatenated; the count of each (masks,); and the invalid ones (masks,) bool."""
    lines = [text.strip(" ").replace("\n", "?") or "?" for text in encoded]
    text = "".join("\n" if line == EMPTY else line + "\n" for line in lines)
    code = np.frombuffer(text.encode(), np.uint8)
    digit, line_end = (code >= ord("0")) & (code <= ord("9")), code == ord("\n")
    ends = np.flatnonzero(line_end)
    bad = np.zeros(len(encoded), bool)
    bad[np.searchsorted(ends, np.flatnonzero(~(digit | line_end | (code == ord(" ")))))] = True
    first_digits = np.flatnonzero(digit & ~np.concatenate([[False], digit[:-1]]))
    counts = np.diff(np.searchsorted(first_digits, ends), prepend=0)
    bad |= counts % 2 == 1
    if bad.any():
        good = [EMPTY if wrong else text for text, wrong in zip(encoded, bad, strict=True)]
        numbers, counts, _ = _numbers(good)
        return numbers, counts, bad
    return np.minimum(np.fromstring(text, np.int64, sep=" "), LARGEST), counts, bad


def _absolute(numbers: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs *offset length* → first pixel of each run and the one after its last, within its mask."""
    passed = np.cumsum(numbers)
    before = np.concatenate([[0], passed])[_offsets(counts)[:-1]]
    origin = np.repeat(before, counts // 2)
    return passed[::2] - origin, passed[1::2] - origin


def _explain(text: str, pixels: int) -> tuple[str, str]:
    if odd := odd_word(text):
        return (
            f"is not a run-length encoding: {odd}",
            "Write pairs of offset and length, with plain spaces between them",
        )
    words = text.split()
    if not words:
        return "is empty", f"Write {EMPTY} for an empty mask"
    if words[0] == EMPTY and len(words) > 1:
        return f"has numbers after the {EMPTY} of an empty mask", f"Write either {EMPTY} or runs"
    end = 0
    for index, word in enumerate(words):
        kind = "length" if index % 2 else "offset"
        if not _WHOLE.fullmatch(word):
            return f"{word!r} is not a whole number", "Write pairs of offset and length"
        number = int(word) if len(word) <= DIGITS else LARGEST
        if number < 0 and kind == "offset" and index:
            return (
                f"run {index // 2 + 1} overlaps the previous one (offset {number})",
                "Count each offset from the end of the previous run",
            )
        if number < 0:
            return f"the {kind} {number} is negative", "Write pairs of offset and length"
        if number == 0 and kind == "length":
            return f"run {index // 2 + 1} has length 0", "Remove it, and add its offset to the next run's"
        end += number
    if len(words) % 2:
        return f"has {len(words)} numbers, an odd count", "Write pairs of offset and length"
    size = f"an image has {pixels} pixels"
    return (
        f"ends at pixel {end}, {size}",
        "Count each offset from the end of the previous run, not from the first pixel",
    )


def _thresholded(
    masks: RunLengthMasks, groups: np.ndarray, voters: np.ndarray, weights: np.ndarray, threshold: float, count: int
) -> RunLengthMasks:
    """The pixels of each group covered by masks of a total weight of at least `threshold`.

    Every border of a run is packed into one integer: its position on the line, whether it is an end, and the voter.
    Sorting these is faster than sorting an index, and fast because each mask is already sorted. At one position starts
    come before ends, so that adjacent runs merge.
    """
    stride, voter_bits = _stride(masks), (len(weights) - 1).bit_length()
    origin = (np.asarray(groups, np.int64) * stride << voter_bits + 1) + voters
    borders = np.empty((len(masks.starts), 2), np.int64)
    borders[:, 0], borders[:, 1] = masks.starts, masks.ends
    borders <<= voter_bits + 1
    borders += np.repeat(origin, np.diff(masks.offsets))[:, None]
    borders[:, 1] += 1 << voter_bits
    line = borders.ravel()
    line.sort(kind="stable")
    change = np.zeros((2, 1 << voter_bits))
    change[:, : len(weights)] = weights, -weights
    depth = np.cumsum(change.ravel()[line & change.size - 1])
    inside = np.append(False, depth >= threshold - ROUNDING)
    edges = line[np.flatnonzero(inside[1:] != inside[:-1])] >> voter_bits + 1
    starts, ends = edges[::2], edges[1::2]
    if (starts == ends).any():  # a run may be empty where one ends and another starts
        starts, ends = starts[starts < ends], ends[starts < ends]
    return _from_line(starts, ends, count, stride)


def _edges(columns: np.ndarray) -> np.ndarray:
    """Alternating starts and ends of runs in (masks, columns, rows) as one line of pixels; (2 · runs,) int64."""
    line = np.ascontiguousarray(columns).reshape(-1)
    edges = np.flatnonzero(line[1:] != line[:-1]) + 1
    values = line[np.append(edges, 0)[: len(line)]]
    if (values.astype(bool) != values).any():
        return _edges(columns != 0)  # adjacent runs of different nonzero values
    borders = np.arange(1, len(columns)) * (columns.shape[1] * columns.shape[2])
    through = borders[(line[borders - 1] != 0) & (line[borders] != 0)]  # runs end at the end of their mask
    outer = np.array([0, len(line)])[[bool(line[:1].any()), bool(line[-1:].any())]]
    return np.sort(np.concatenate([edges, through, through, outer]), kind="stable")


def _from_line(starts: np.ndarray, ends: np.ndarray, count: int, stride: int) -> RunLengthMasks:
    origins = np.arange(count + 1) * stride
    offsets = np.searchsorted(starts, origins).astype(np.int64)
    origin = np.repeat(origins[:-1], np.diff(offsets))
    return RunLengthMasks(offsets, starts - origin, ends - origin)


def _line(masks: RunLengthMasks, stride: int) -> np.ndarray:
    """Start and end of each run on the line of pixels, (runs, 2) int64."""
    return np.asarray(np.stack([masks.starts, masks.ends], axis=1) + masks.owners[:, None] * stride)


def _stride(*masks: RunLengthMasks) -> int:
    """An interval longer than every mask."""
    return 1 + max((int(each.ends.max()) for each in masks if len(each.ends)), default=0)


def _offsets(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def _sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    passed = np.concatenate([[0], np.cumsum(values)])
    return np.asarray(passed[offsets[1:]] - passed[offsets[:-1]])
