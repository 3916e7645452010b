"""Words → numbers: the plain decimal numbers that pandas, Kaggle's metrics and people read alike, and no others.

Python's `float` also takes `1_0`, full-width digits and no-break spaces, of which pandas makes no number: a cell that
only some programs read is a fault.
"""

import re
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from pulmo.scoring.characters import odd_character

LARGEST = 1e18
"""Of longer whole numbers pandas makes no number; nothing that is predicted or measured comes near."""
_PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_PADDED = re.compile(r"[+-]?00[0-9.]{16}")
"""Of long numbers pandas reads the first 17 digits alone, with the zeros at their start."""
_OF_PLAIN = b"0123456789+-.eE "
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?([0-9]+,[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F.]+([pP][+-]?[0-9]+)?")
_WITH_UNDERSCORES = re.compile(r"[+-]?[0-9.]+(_[0-9.]+)+([eE][+-]?[0-9_]+)?")


def only_of_numbers(text: str) -> bool:
    """Whether a text has only characters of plain numbers and spaces, and no word that begins with two zeros."""
    padded = any(start in f" {text}" for start in (" 00", " +00", " -00"))
    return not padded and not text.encode(errors="replace").translate(None, _OF_PLAIN)


def parse_numbers(words: Sequence[str], characters: bool | None = None) -> np.ndarray:
    """Words as numbers.

    Args:
        words: any text.
        characters: whether they are `only_of_numbers`, where that is known already.

    Returns:
        float64 (words,); NaN where a word is no plain decimal number, infinite where one is too large. Spaces around a
        number are left out, as pandas does.
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
    """Why a word is no finite number, as the end of a sentence that begins with it."""
    odd = odd_character(word)
    reasons = (
        (not word, "is empty"),
        (odd, f"holds {odd}"),
        (_PADDED.match(word), "has more zeros at its start than pandas reads past"),
        (_PLAIN.fullmatch(word), "is too large for a number"),
        (_THOUSANDS.fullmatch(word), "has a comma between thousands, or a decimal comma"),
        (_DECIMAL_COMMA.fullmatch(word), "has a decimal comma"),
        (_HEXADECIMAL.fullmatch(word), "is hexadecimal"),
        (_WITH_UNDERSCORES.fullmatch(word), "has an underscore between digits"),
        (";" in word, "has a semicolon in it"),
    )
    return next((reason for found, reason in reasons if found), "is not a finite number")
