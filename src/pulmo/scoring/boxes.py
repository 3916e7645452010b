"""RSNA's submission format, `confidence x y width height …` per image: parsing, validation and formatting of boxes."""

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
"""Side of the competition's square images, in pixels."""
NUMBERS = 5
_ROUNDING = 1e-6  # pixels


class Boxes(NamedTuple):
    """Boxes in many images.

    Attributes:
        image: (boxes,) int64, the index of each box's image.
        xywh: (boxes, 4) float64 in pixels: left edge, top edge, width, height.
        confidence: (boxes,) float64, 0 to 1; 1 for true boxes.
    """

    image: np.ndarray
    xywh: np.ndarray
    confidence: np.ndarray

    def take(self, which: np.ndarray) -> "Boxes":
        """A selection by index or mask."""
        return Boxes(*(part[which] for part in self))


def no_boxes() -> Boxes:
    """An empty set of boxes."""
    return Boxes(np.empty(0, np.int64), np.empty((0, 4)), np.empty(0))


def corners(xywh: np.ndarray) -> np.ndarray:
    """Left, top, width, height (…, 4) → left, top, right, bottom (…, 4)."""
    return np.concatenate([xywh[..., :2], xywh[..., :2] + xywh[..., 2:]], axis=-1)


def sizes(edges: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom (…, 4) → left, top, width, height (…, 4)."""
    return np.concatenate([edges[..., :2], edges[..., 2:] - edges[..., :2]], axis=-1)


def parse_boxes(submission: pd.DataFrame) -> tuple[Boxes, list[Fault]]:
    """The boxes of a submission.

    Args:
        submission: with COLUMN; an empty or missing value is an image without boxes. Not changed.

    Returns:
        The valid boxes, `image` being the row; and a fault for each prediction string with a character that is not
        printable ASCII or a count of numbers that is not a multiple of five, each word that is no finite number, each
        confidence outside 0 to 1, each width or height that is not positive, and each box that exceeds the image.
    """
    file = name_of(submission, "submission")
    strings = [str(value) for value in submission[COLUMN].where(submission[COLUMN].notna(), "").tolist()]
    tokens = [string.split() for string in strings]
    counts = np.array([len(words) for words in tokens], np.int64)
    malformed = counts % NUMBERS != 0
    plain = only_of_numbers(" ".join(strings))
    if not plain:  # `split` also separates at tabs, no-break spaces and line breaks
        malformed |= [odd_word(string) is not None for string in strings]
    faults = [
        Fault(
            place(file, row, COLUMN), _why_malformed(strings[row]), "Write `confidence x y width height` for each box"
        )
        for row in np.flatnonzero(malformed)
    ]
    words = list(chain.from_iterable(tokens[row] for row in np.flatnonzero(~malformed).tolist()))
    rows = np.repeat(np.flatnonzero(~malformed), counts[~malformed] // NUMBERS)
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
    valid = ~np.any([which for _, which, _ in wrong], axis=0)
    return boxes.take(valid), sorted(faults, key=_row_of)


def _why_malformed(string: str) -> str:
    """Why a prediction string cannot be split into boxes."""
    if character := odd_word(string):
        return character
    words = string.split()
    no_number = next((word for word in words if not np.isfinite(parse_numbers([word])[0])), None)
    if no_number is not None:
        return f"{no_number!r} {explain(no_number)}"
    return f"{len(words)} numbers are not a multiple of five"


def _wrong_boxes(boxes: Boxes) -> list[tuple[str, np.ndarray, str]]:
    """Each kind of fault: its description, the boxes that have it (boxes,) bool, and the remedy."""
    edges, empty = corners(boxes.xywh), (boxes.xywh[:, 2:] <= 0).any(axis=1)
    beyond = (edges < -_ROUNDING).any(axis=1) | (edges > SIDE + _ROUNDING).any(axis=1)
    return [
        (
            "the confidence is not between 0 and 1",
            (boxes.confidence < 0) | (boxes.confidence > 1),
            "Write the confidence first, from 0 to 1",
        ),
        ("width and height are not both positive", empty, "Write `confidence x y width height`"),
        (f"it exceeds the image of {SIDE} × {SIDE} pixels", beyond & ~empty, "Clip it to the image"),
    ]


def _words(boxes: Boxes, box: int | np.integer) -> str:
    return "box " + " ".join(f"{value:g}" for value in (boxes.confidence[box], *boxes.xywh[box]))


def _row_of(fault: Fault) -> int:
    return int(fault.where.split(", row ")[-1].split(",")[0])


def check_predictions(submission: pd.DataFrame) -> list[Fault]:
    """The faults of a submission's prediction strings; see `parse_boxes`."""
    return parse_boxes(submission)[1]


def format_boxes(boxes: Boxes, images: int) -> list[str]:
    """The prediction string of each image: boxes by decreasing confidence (four decimals), in tenths of pixels."""
    order = np.lexsort((-boxes.confidence, boxes.image))
    strings: list[list[str]] = [[] for _ in range(images)]
    edges = np.round(corners(boxes.xywh), 1)  # edges are rounded, not sizes, so that no box exceeds the image
    for image, confidence, xywh in zip(
        boxes.image[order].tolist(), boxes.confidence[order].tolist(), sizes(edges)[order].tolist(), strict=True
    ):
        strings[image].append(" ".join([f"{confidence:.4f}", *(f"{round(value, 1):g}" for value in xywh)]))
    return [" ".join(parts) for parts in strings]
