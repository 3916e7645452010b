"""Numbers that DICOM writes as text (decimal and integer strings, PS3.5 6.2), and the range in which each can be true.

Every decimal string of a slice's header is read here. Python's own `float` reads more than the standard allows (`1_0`,
`nan`, `infinity`), and no scanner means a pixel of 10^38 mm.
"""

import math
import re
from functools import lru_cache
from typing import NamedTuple

_DECIMAL = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_BLANK = b"\0 \t\r\n"
_SHOWN = 64


class Quantity(NamedTuple):
    """What a tag holds.

    Attributes:
        values: how many.
        least: the smallest size (absolute value) that a scanner can mean; 0 allows for zero.
        most: the largest.
        positive: whether only sizes above 0 are meant.
        unit: of the values, for messages.
        whole: whether they have no fraction.
    """

    values: int
    least: float
    most: float
    positive: bool = False
    unit: str = ""
    whole: bool = False


QUANTITIES = {
    "RescaleSlope": Quantity(1, 0, 1e6),
    "RescaleIntercept": Quantity(1, 0, 1e6),
    "PixelSpacing": Quantity(2, 1e-3, 100, positive=True, unit=" mm"),
    "ImagePositionPatient": Quantity(3, 0, 1e5, unit=" mm"),
    "ImageOrientationPatient": Quantity(6, 0, 1.01),
    "SliceLocation": Quantity(1, 0, 1e5, unit=" mm"),
    "SliceThickness": Quantity(1, 0, 1000, positive=True, unit=" mm"),
    "SpacingBetweenSlices": Quantity(1, 0, 1000, positive=True, unit=" mm"),
    "InstanceNumber": Quantity(1, 0, 2**31, whole=True),
    "NumberOfFrames": Quantity(1, 0, 2**31, positive=True, whole=True),
}


class Measured(NamedTuple):
    """`values` of a tag, none where it is missing, empty or wrong; `wrong` says what is wrong with them, or nothing."""

    values: tuple[float, ...]
    wrong: str


def decimals(raw: bytes) -> tuple[float, ...]:
    r"""The values of a decimal string, parted by `\`; none if it is empty, or any part is no finite decimal."""
    parts = [part.strip(_BLANK) for part in raw.strip(_BLANK).split(b"\\")]
    if not all(map(_DECIMAL.fullmatch, parts)):
        return ()
    values = tuple(map(float, parts))
    return values if all(map(math.isfinite, values)) else ()


@lru_cache(4096)  # most values are the same in all slices of a series
def measured(keyword: str, raw: bytes) -> Measured:
    """A tag of QUANTITIES from its raw value."""
    if not raw.strip(_BLANK):
        return Measured((), "")
    values, quantity = decimals(raw), QUANTITIES[keyword]
    why = _why_not(values, quantity)
    return Measured((), f"{keyword} is {_shown(raw)}: {why}") if why else Measured(values, "")


def _why_not(values: tuple[float, ...], quantity: Quantity) -> str:
    """Empty for values that can be true."""
    if not values:
        return "not a decimal number" if quantity.values == 1 else "not decimal numbers"
    if len(values) != quantity.values:
        return f"{len(values)} value{'s' * (len(values) != 1)} where {quantity.values} {_are(quantity.values)} needed"
    if quantity.positive and min(values) <= 0 and (quantity.least or min(values) < 0):
        return "not above 0"
    sizes = [abs(value) for value in values]
    if max(sizes) > quantity.most:
        return f"larger than {quantity.most:g}{quantity.unit}, which no scanner means"
    if min(sizes) < quantity.least:
        return f"smaller than {quantity.least:g}{quantity.unit}, which no scanner means"
    if quantity.whole and not all(map(float.is_integer, values)):
        return "not a whole number"
    return ""


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _shown(raw: bytes) -> str:
    text = raw.strip(_BLANK).decode("utf-8", "backslashreplace")
    return f"'{text[:_SHOWN]}{'…' * (len(text) > _SHOWN)}'"
