"""Parses plain decimal numbers, which pandas and Kaggle's metrics read alike, and explains why other text is rejected.

Python's `float` also accepts `1_0`, full-width digits and no-break spaces, which pandas does not: a value that only
some programs read is a fault.
"""

import re
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from pulmo.scoring.characters import odd_character

LARGEST = 1e18
"""pandas does not parse longer integers; predictions and measurements are far smaller."""
_PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_PADDED = re.compile(r"[+-]?00[0-9.]{16}")
"""pandas reads only the first 17 digits of long numbers, leading zeros included."""
_OF_PLAIN = b"0123456789+-.eE "
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?([0-9]+,[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F.]+([pP][+-]?[0-9]+)?")
_WITH_UNDERSCORES = re.compile(r"[+-]?[0-9.]+(_[0-9.]+)+([eE][+-]?[0-9_]+)?")


def only_of_numbers(text: str) -> bool:
    """Whether a text has only characters of plain numbers and spaces, and no word with two leading zeros."""
    padded = any(start in f" {text}" for start in (" 00", " +00", " -00"))
    return not padded and not text.encode(errors="replace").translate(None, _OF_PLAIN)


def parse_numbers(words: Sequence[str], characters: bool | None = None) -> np.ndarray:
    """Words → numbers.

    Args:
        words: any text.
        characters: `only_of_numbers` of the words, if already known.

    Returns:
        float64 (words,); NaN where a word is not a plain decimal number, infinite where it is too large. Spaces around
        a number are ignored, as by pandas.
    """
    values = _converted(words, only_of_numbers(" ".join(words)) if characters is None else characters)
    values[np.abs(values) > LARGEST] = np.inf
    return values


def _converted(words: Sequence[str], characters: bool) -> np.ndarray:
    if characters:
        with suppress(ValueError):
            return np.array(words, np.float64)
    stripped = [word.strip(" ") for word in words]
    return np.array([float(word) if _is_plain(word) else np.nan for word in stripped], np.float64)


def _is_plain(word: str) -> bool:
    return _PLAIN.fullmatch(word) is not None and not _PADDED.match(word)


def explain(word: str) -> str:
    """Why a word is not a finite number, as the predicate of a sentence with the word as subject."""
    odd = odd_character(word)
    reasons = (
        (not word, "is empty"),
        (odd, f"contains {odd}"),
        (_PADDED.match(word), "has too many leading zeros for pandas"),
        (_PLAIN.fullmatch(word), "is too large"),
        (_THOUSANDS.fullmatch(word), "has a thousands separator or a decimal comma"),
        (_DECIMAL_COMMA.fullmatch(word), "has a decimal comma"),
        (_HEXADECIMAL.fullmatch(word), "is hexadecimal"),
        (_WITH_UNDERSCORES.fullmatch(word), "has an underscore between digits"),
        (";" in word, "has a semicolon"),
    )
    return next((reason for found, reason in reasons if found), "is not a finite number")
