"""`conf x y width height …` in a cell ↔ arrays of boxes: what a box is, and every fault that a cell can have."""

from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.errors import Fault
from pulmo.scoring.characters import odd_word
from pulmo.scoring.numbers import explain, only_of_numbers, parse_numbers
from pulmo.scoring.tables import name_of, place

COLUMN = "PredictionString"
SIDE = 1024
"""The competition's images are squares of this many pixels."""
NUMBERS = 5
_ROUNDING = 1e-6  # pixels


class Boxes(NamedTuple):
    """Boxes in many images.

    Attributes:
        image: (boxes,) int64, the place of each box's image in whatever list of images there is.
        xywh: (boxes, 4) float64 in pixels: left edge, top edge, width, height.
        confidence: (boxes,) float64, 0 to 1; 1 for true boxes.
    """

    image: np.ndarray
    xywh: np.ndarray
    confidence: np.ndarray

    def take(self, which: np.ndarray) -> "Boxes":
        """Some of them, by index or mask."""
        return Boxes(*(part[which] for part in self))


def no_boxes() -> Boxes:
    """None at all."""
    return Boxes(np.empty(0, np.int64), np.empty((0, 4)), np.empty(0))


def corners(xywh: np.ndarray) -> np.ndarray:
    """Left, top, width, height (…, 4) → left, top, right, bottom (…, 4)."""
    return np.concatenate([xywh[..., :2], xywh[..., :2] + xywh[..., 2:]], axis=-1)


def sizes(edges: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom (…, 4) → left, top, width, height (…, 4)."""
    return np.concatenate([edges[..., :2], edges[..., 2:] - edges[..., :2]], axis=-1)


def parse_boxes(submission: pd.DataFrame) -> tuple[Boxes, list[Fault]]:
    """The boxes in the cells of a submission.

    Args:
        submission: with COLUMN; an empty or missing cell says that nothing is there. Not changed.

    Returns:
        The boxes without fault, `image` being the row; and a fault for each cell with a character that is not
        printable ASCII or whose count of numbers is not a multiple of five, each word that is no finite number, each
        confidence outside 0 to 1, each width or height that is not positive, and each box that goes beyond the image.
    """
    file = name_of(submission, "submission")
    cells = [str(cell) for cell in submission[COLUMN].where(submission[COLUMN].notna(), "").tolist()]
    tokens = [cell.split() for cell in cells]
    counts = np.array([len(words) for words in tokens], np.int64)
    odd = counts % NUMBERS != 0
    plain = only_of_numbers(" ".join(cells))
    if not plain:  # `split` parts at tabs, no-break spaces and line breaks, too
        odd |= [odd_word(cell) is not None for cell in cells]
    faults = [
        Fault(place(file, row, COLUMN), _odd(cells[row]), "Write `confidence x y width height` for each box")
        for row in np.flatnonzero(odd)
    ]
    words = list(chain.from_iterable(tokens[row] for row in np.flatnonzero(~odd).tolist()))
    rows = np.repeat(np.flatnonzero(~odd), counts[~odd] // NUMBERS)
    values = parse_numbers(words, plain).reshape(-1, NUMBERS)
    bad = [(rows[box], words[NUMBERS * box + part]) for box, part in np.argwhere(~np.isfinite(values))]
    faults += [Fault(place(file, row, COLUMN), f"{word!r} {explain(word)}", "Write plain numbers") for row, word in bad]
    finite = np.isfinite(values).all(axis=1)
    boxes = Boxes(rows[finite], values[finite, 1:], values[finite, 0])
    wrong = _wrong_boxes(boxes)
    for what, which, remedy in wrong:
        faults += [
            Fault(place(file, boxes.image[box], COLUMN), f"{_words(boxes, box)}: {what}", remedy)
            for box in np.flatnonzero(which)
        ]
    sound = ~np.any([which for _, which, _ in wrong], axis=0)
    return boxes.take(sound), sorted(faults, key=_row_of)


def _odd(cell: str) -> str:
    """What is wrong with a cell that cannot be parted into boxes."""
    if odd := odd_word(cell):
        return odd
    words = cell.split()
    no_number = next((word for word in words if not np.isfinite(parse_numbers([word])[0])), None)
    if no_number is not None:
        return f"{no_number!r} {explain(no_number)}"
    return f"{len(words)} numbers are not a multiple of five"


def _wrong_boxes(boxes: Boxes) -> list[tuple[str, np.ndarray, str]]:
    """What can be wrong with a box, and which have it (boxes,) bool."""
    edges, empty = corners(boxes.xywh), (boxes.xywh[:, 2:] <= 0).any(axis=1)
    beyond = (edges < -_ROUNDING).any(axis=1) | (edges > SIDE + _ROUNDING).any(axis=1)
    return [
        (
            "the confidence is not between 0 and 1",
            (boxes.confidence < 0) | (boxes.confidence > 1),
            "Write the confidence first, as a share",
        ),
        ("width and height are not both positive", empty, "Write `confidence x y width height`"),
        (f"it goes beyond the image of {SIDE} × {SIDE}", beyond & ~empty, "Cut it at the image's edge"),
    ]


def _words(boxes: Boxes, box: int | np.integer) -> str:
    return "box " + " ".join(f"{value:g}" for value in (boxes.confidence[box], *boxes.xywh[box]))


def _row_of(fault: Fault) -> int:
    return int(fault.where.split(", row ")[-1].split(",")[0])


def check_cells(submission: pd.DataFrame) -> list[Fault]:
    """See `parse_boxes`."""
    return parse_boxes(submission)[1]


def format_boxes(boxes: Boxes, images: int) -> list[str]:
    """The cell of each of so many images: its boxes in falling confidence (four decimals), whole tenths of pixels."""
    order = np.lexsort((-boxes.confidence, boxes.image))
    cells: list[list[str]] = [[] for _ in range(images)]
    edges = np.round(corners(boxes.xywh), 1)  # edges, not sizes, so that nothing is rounded out of the image
    for image, confidence, xywh in zip(
        boxes.image[order].tolist(), boxes.confidence[order].tolist(), sizes(edges)[order].tolist(), strict=True
    ):
        cells[image].append(" ".join([f"{confidence:.4f}", *(f"{round(value, 1):g}" for value in xywh)]))
    return [" ".join(cell) for cell in cells]
