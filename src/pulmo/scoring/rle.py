"""Masks as runs of pixels: what a run-length cell means, and what can be had from the runs without painting a pixel.

A cell holds pairs *offset length*, the offset counted from the end of the run before; pixels are numbered down the
columns first, from 0; `-1` is an empty mask. (Source: the data page of Kaggle's SIIM-ACR Pneumothorax Segmentation. Its
own helper drops a run that touches the last pixel; this does not.)

Many masks are handled at once: they lie one behind the other on a line, `stride` pixels apart.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pulmo.scoring.characters import odd_word

EMPTY = "-1"
_WHOLE = re.compile(r"-?[0-9]+")
LARGEST = 2**40
"""No image has as many pixels; larger numbers count as this one, so that sums of them stay exact."""
DIGITS = 12
"""Of LARGEST, at most."""
BITS = 63
"""Of an int64 that is not negative."""
PIXELS_AT_ONCE = 1 << 20  # in a processor's cache
ROUNDING = 1e-9


class Masks(NamedTuple):
    """Runs of many masks, in order and without overlap.

    Attributes:
        offsets: (masks + 1,) int64: the runs of mask i are those from `offsets[i]` up to `offsets[i + 1]`.
        starts, ends: (runs,) int64: first pixel of each run, and the one behind its last.
    """

    offsets: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @property
    def owners(self) -> np.ndarray:
        """Which mask each run is of, (runs,) int64."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def take(self, which: Sequence[int] | np.ndarray) -> "Masks":
        """These masks, in this order."""
        which = np.asarray(which, np.int64)
        counts = np.diff(self.offsets)[which]
        offsets = _offsets(counts)
        runs = np.arange(offsets[-1]) + np.repeat(self.offsets[which] - offsets[:-1], counts)
        return Masks(offsets, self.starts[runs], self.ends[runs])


class CellFault(NamedTuple):
    """What is wrong with a cell, and what to do about it; `row` counts the cells from 0."""

    row: int
    what: str
    remedy: str


def parse(cells: Sequence[str]) -> Masks:
    """Cells → masks.

    Raises:
        ValueError: a cell is faulty.
    """
    masks, faults = read_cells(cells, LARGEST)
    if faults:
        raise ValueError(f"cell {faults[0].row} {faults[0].what}")
    return masks


def read_cells(cells: Sequence[str], pixels: int) -> tuple[Masks, list[CellFault]]:
    """Cells → masks of images of that many pixels, and every cell that is none, with the first thing wrong with it.

    The masks of faulty cells are not to be used.
    """
    numbers, counts, bad = _numbers(cells)
    starts, ends = _absolute(numbers, counts)
    wrong = (ends > pixels) | (starts == ends)
    if wrong.any():
        bad[np.repeat(np.arange(len(counts)), counts // 2)[wrong]] = True
    masks = Masks(_offsets(counts // 2), starts, ends)
    return masks, [CellFault(row, *_explain(cells[row], pixels)) for row in np.flatnonzero(bad).tolist()]


def find_faults(cells: Sequence[str], pixels: int) -> list[CellFault]:
    """Every cell that is no run-length code of an image of that many pixels."""
    return read_cells(cells, pixels)[1]


def to_text(masks: Masks) -> list[str]:
    """Masks → cells."""
    numbers = np.empty(2 * len(masks.starts), np.int64)
    before = np.concatenate([[0], masks.ends[:-1]])[: len(masks.starts)]
    firsts = masks.offsets[:-1][np.diff(masks.offsets) > 0]
    before[firsts] = 0
    numbers[::2], numbers[1::2] = masks.starts - before, masks.ends - masks.starts
    words = list(map(str, numbers.tolist()))
    borders = (2 * masks.offsets).tolist()
    return [" ".join(words[a:b]) or EMPTY for a, b in pairwise(borders)]


def encode(images: np.ndarray) -> Masks:
    """Paintings (masks, rows, columns), nonzero where the mask is, → masks.

    Fastest where the memory holds columns, as `decode` leaves it; else each column is gathered first.
    """
    count, pixels = len(images), images.shape[1] * images.shape[2]
    columns = images.transpose(0, 2, 1)
    at_once = max(1, PIXELS_AT_ONCE // max(pixels, 1))
    found = [_edges(columns[first : first + at_once]) for first in range(0, count, at_once)]
    edges = np.concatenate([first * at_once * pixels + part for first, part in enumerate(found)] or [np.empty(0, int)])
    return _from_line(edges[::2], edges[1::2], count, pixels)


def decode(masks: Masks, shape: tuple[int, int]) -> np.ndarray:
    """Masks → paintings (masks, rows, columns) of 0 and 1, uint8; the memory holds columns.

    Args:
        masks: of images of that shape.
        shape: rows, columns.

    Raises:
        ValueError: a run goes past the image.
    """
    rows, columns = shape
    count, pixels = len(masks.offsets) - 1, rows * columns
    if len(masks.ends) and masks.ends.max() > pixels:
        raise ValueError(f"a run ends at pixel {masks.ends.max()}, an image of {rows}x{columns} has {pixels}")
    edges = np.concatenate([[0], _line(masks, pixels).ravel(), [count * pixels]])
    values = np.zeros(len(edges) - 1, np.uint8)
    values[1::2] = 1
    return np.repeat(values, np.diff(edges)).reshape(count, columns, rows).transpose(0, 2, 1)


def area(masks: Masks) -> np.ndarray:
    """Pixels of each mask, (masks,) int64."""
    return _sums(masks.ends - masks.starts, masks.offsets)


def union(masks: Masks, groups: np.ndarray, count: int) -> Masks:
    """Masks of one group united.

    Args:
        masks: in any order.
        groups: (masks,) the group of each, from 0.
        count: how many groups; one without masks is empty.
    """
    stride, lengths = _stride(masks), masks.ends - masks.starts
    length_bits = int(lengths.max(initial=0)).bit_length()
    if (count * stride).bit_length() + length_bits > BITS:
        return _where_enough(masks, groups, np.zeros(len(groups), np.int64), np.ones(1), 1.0, count)
    # Each run becomes one number, its place on the line and then its length: so they are sorted by themselves.
    line = np.repeat(np.asarray(groups, np.int64) * stride, np.diff(masks.offsets))
    line += masks.starts
    line <<= length_bits
    line += lengths
    line.sort(kind="stable")  # quick, for each mask is sorted already
    starts = line >> length_bits
    line &= (1 << length_bits) - 1
    line += starts
    reach = np.maximum.accumulate(line, out=line)
    first = np.append(0, np.flatnonzero(starts[1:] > reach[:-1]) + 1)[: len(starts)]
    return _from_line(starts[first], reach[np.roll(first, -1) - 1], count, stride)


def vote(masks: Sequence[Masks], weights: Sequence[float], threshold: float) -> Masks:
    """The pixels for which enough votes were given.

    Args:
        masks: one set a voter, all of the same images in the same order.
        weights: one a voter, not negative; divided by their sum.
        threshold: the least share of votes, above 0 and at most 1; at a small one, the union.
    """
    count = len(masks[0].offsets) - 1
    voters = np.repeat(np.arange(len(masks)), count)
    shares = np.asarray(weights, np.float64) / np.sum(weights)
    return _where_enough(_joined(masks), np.tile(np.arange(count), len(masks)), voters, shares, threshold, count)


def intersection(first: Masks, second: Masks) -> Masks:
    """The pixels that each mask of the first shares with its partner in the second."""
    return vote([first, second], [1, 1], 1.0)


def _joined(masks: Sequence[Masks]) -> Masks:
    each = _offsets(np.array([len(part.starts) for part in masks]))
    return Masks(
        np.concatenate([[0], *(part.offsets[1:] + first for part, first in zip(masks, each[:-1], strict=True))]),
        np.concatenate([part.starts for part in masks]),
        np.concatenate([part.ends for part in masks]),
    )


def _numbers(cells: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All numbers of all good cells in a row; how many each cell has (cells,); and which are bad (cells,) bool."""
    lines = [cell.strip(" ").replace("\n", "?") or "?" for cell in cells]
    text = "".join("\n" if line == EMPTY else line + "\n" for line in lines)
    code = np.frombuffer(text.encode(), np.uint8)
    digit, line_end = (code >= ord("0")) & (code <= ord("9")), code == ord("\n")
    ends = np.flatnonzero(line_end)
    bad = np.zeros(len(cells), bool)
    bad[np.searchsorted(ends, np.flatnonzero(~(digit | line_end | (code == ord(" ")))))] = True
    first_digits = np.flatnonzero(digit & ~np.concatenate([[False], digit[:-1]]))
    counts = np.diff(np.searchsorted(first_digits, ends), prepend=0)
    bad |= counts % 2 == 1
    if bad.any():
        good = [EMPTY if wrong else cell for cell, wrong in zip(cells, bad, strict=True)]
        numbers, counts, _ = _numbers(good)
        return numbers, counts, bad
    return np.minimum(np.fromstring(text, np.int64, sep=" "), LARGEST), counts, bad


def _absolute(numbers: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs *offset length* → first pixel of each run and the one behind its last, within its mask."""
    passed = np.cumsum(numbers)
    before = np.concatenate([[0], passed])[_offsets(counts)[:-1]]
    origin = np.repeat(before, counts // 2)
    return passed[::2] - origin, passed[1::2] - origin


def _explain(cell: str, pixels: int) -> tuple[str, str]:
    if odd := odd_word(cell):
        return f"is no run-length code: {odd}", "Write pairs of offset and length, with plain spaces between them"
    words = cell.split()
    if not words:
        return "is empty", f"Write {EMPTY} for an empty mask"
    if words[0] == EMPTY and len(words) > 1:
        return f"has more than the {EMPTY} of an empty mask", f"Write {EMPTY} alone, or the runs alone"
    end = 0
    for place, word in enumerate(words):
        kind = "length" if place % 2 else "offset"
        if not _WHOLE.fullmatch(word):
            return f"{word!r} is not a whole number", "Write pairs of offset and length"
        number = int(word) if len(word) <= DIGITS else LARGEST
        if number < 0 and kind == "offset" and place:
            return f"run {place // 2 + 1} overlaps the one before it (offset {number})", "Count from the run's end"
        if number < 0:
            return f"the {kind} {number} is negative", "Write pairs of offset and length"
        if number == 0 and kind == "length":
            return f"run {place // 2 + 1} has length 0", "Leave it out, and add its offset to the next run's"
        end += number
    if len(words) % 2:
        return f"holds {len(words)} numbers, an odd count", "Write pairs of offset and length"
    rows = f"an image has {pixels}"
    return f"ends at pixel {end}, {rows}", "Count each offset from the end of the run before, not from the first pixel"


def _where_enough(
    masks: Masks, groups: np.ndarray, voters: np.ndarray, weights: np.ndarray, threshold: float, count: int
) -> Masks:
    """The pixels of each group where the voters whose masks hold them weigh at least `threshold` together.

    Every border of a run becomes one number: its place on the line, then whether the run ends there, then whose it is.
    So they are sorted by themselves, which is faster than sorting an index; and quick, for each mask is sorted already.
    At one place starts come before ends, so that runs that touch hold together.
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
    enough = np.append(False, depth >= threshold - ROUNDING)
    edges = line[np.flatnonzero(enough[1:] != enough[:-1])] >> voter_bits + 1
    starts, ends = edges[::2], edges[1::2]
    if (starts == ends).any():  # where one run ends and another starts, enough may hold for no pixel
        starts, ends = starts[starts < ends], ends[starts < ends]
    return _from_line(starts, ends, count, stride)


def _edges(columns: np.ndarray) -> np.ndarray:
    """Where runs start and end, in turn, in (masks, columns, rows) laid out as a line; (2 · runs,) int64."""
    line = np.ascontiguousarray(columns).reshape(-1)
    edges = np.flatnonzero(line[1:] != line[:-1]) + 1
    values = line[np.append(edges, 0)[: len(line)]]
    if (values.astype(bool) != values).any():
        return _edges(columns != 0)  # runs of other values, which may touch each other
    borders = np.arange(1, len(columns)) * (columns.shape[1] * columns.shape[2])
    through = borders[(line[borders - 1] != 0) & (line[borders] != 0)]  # a run does not go on into the next mask
    outer = np.array([0, len(line)])[[bool(line[:1].any()), bool(line[-1:].any())]]
    return np.sort(np.concatenate([edges, through, through, outer]), kind="stable")


def _from_line(starts: np.ndarray, ends: np.ndarray, count: int, stride: int) -> Masks:
    places = np.arange(count + 1) * stride
    offsets = np.searchsorted(starts, places).astype(np.int64)
    origin = np.repeat(places[:-1], np.diff(offsets))
    return Masks(offsets, starts - origin, ends - origin)


def _line(masks: Masks, stride: int) -> np.ndarray:
    """Start and end of each run on the line, (runs, 2) int64."""
    return np.asarray(np.stack([masks.starts, masks.ends], axis=1) + masks.owners[:, None] * stride)


def _stride(*masks: Masks) -> int:
    """A distance at which no mask reaches the next."""
    return 1 + max((int(each.ends.max()) for each in masks if len(each.ends)), default=0)


def _offsets(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def _sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    passed = np.concatenate([[0], np.cumsum(values)])
    return np.asarray(passed[offsets[1:]] - passed[offsets[:-1]])
