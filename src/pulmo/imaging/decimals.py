"""DICOM decimal and integer strings (PS3.5 6.2), and the plausible range of each tag.

Every decimal string of a slice's header is read here. Python's own `float` accepts more than the standard allows
(`1_0`, `nan`, `infinity`), and damaged files hold pixel spacings of 10^38 mm.
"""

import math
import re
from functools import lru_cache
from typing import NamedTuple

_DECIMAL = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_BLANK = b"\0 \t\r\n"
_MAX_QUOTED = 64


class Quantity(NamedTuple):
    """What a tag holds.

    Attributes:
        values: how many.
        minimum: the smallest plausible absolute value; 0 allows zero.
        maximum: the largest plausible absolute value.
        positive: whether all values must be above 0.
        unit: of the values, for messages.
        whole: whether they must be integers.
    """

    values: int
    minimum: float
    maximum: float
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
    """`values` of a tag, none where missing or implausible; `wrong` is the reason, empty if there is none."""

    values: tuple[float, ...]
    wrong: str


def decimals(raw: bytes) -> tuple[float, ...]:
    r"""The values of a decimal string, separated by `\`; none if it is empty, or any part is no finite decimal."""
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
    why = _implausible(values, quantity)
    return Measured((), f"{keyword} is {_quoted(raw)}: {why}") if why else Measured(values, "")


def _implausible(values: tuple[float, ...], quantity: Quantity) -> str:
    """The reason why values are implausible; empty if they are plausible."""
    if not values:
        return "not a decimal number" if quantity.values == 1 else "not decimal numbers"
    if len(values) != quantity.values:
        return f"{len(values)} value{'s' * (len(values) != 1)} where {quantity.values} {_are(quantity.values)} needed"
    if quantity.positive and min(values) <= 0 and (quantity.minimum or min(values) < 0):
        return "not above 0"
    sizes = [abs(value) for value in values]
    if max(sizes) > quantity.maximum:
        return f"larger than {quantity.maximum:g}{quantity.unit}: not plausible"
    if min(sizes) < quantity.minimum:
        return f"smaller than {quantity.minimum:g}{quantity.unit}: not plausible"
    if quantity.whole and not all(map(float.is_integer, values)):
        return "not a whole number"
    return ""


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _quoted(raw: bytes) -> str:
    text = raw.strip(_BLANK).decode("utf-8", "backslashreplace")
    return f"'{text[:_MAX_QUOTED]}{'…' * (len(text) > _MAX_QUOTED)}'"
