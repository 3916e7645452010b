"""Selected elements of a DICOM file as raw bytes, and the offset of its pixels.

Common files (little endian, header within the first 32 KiB) are parsed here in a tenth of the 1 ms that pydicom takes;
all others are read by pydicom.
"""

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset, dcmread

from pulmo.imaging.file_kinds import not_dicom

PIXEL_DATA, ITEM, SEQUENCE_END = 0x7FE00010, 0xFFFEE000, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
NATIVE = {"1.2.840.10008.1.2": "<", "1.2.840.10008.1.2.1": "<", "1.2.840.10008.1.2.2": ">"}
"""Transfer syntaxes of uncompressed pixels, and their byte order."""

DEFLATED = ("1.2.840.10008.1.2.1.99",)
"""Transfer syntaxes in which the whole data set is deflated."""

_HEAD = 1 << 15
_PREAMBLE = 132
_IMPLICIT, _EXPLICIT, _EXPLICIT_BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
_SYNTAX = b"\x02\x00\x10\x00UI"
_FIRST_GROUPS, _FIRST_ELEMENTS = (0x0002, 0x0008), 0x0018
_DELIMITERS, _ITEM_END = 0xFFFE, 0xFFFEE00D
_LONG = frozenset([b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"])


class NotDicomError(Exception):
    """The file is not DICOM, or too damaged to be parsed; the message gives the reason."""


@dataclass(frozen=True)
class Elements:
    """`values` by tag number, raw, in byte `order`; `pixels` is (first byte, length) of Pixel Data.

    The length of compressed pixels is UNDEFINED. `pixels` is None if there are none, or the whole file is deflated.
    `in_words` is whether they are declared as 16-bit words (OW), which matters to big-endian ones alone. `syntax` is
    inferred from the elements where the file does not declare it, and empty if its pixels are compressed.
    """

    values: dict[int, bytes]
    order: str
    syntax: str
    pixels: tuple[int, int] | None
    in_words: bool = False


def read_elements(path: Path, wanted: frozenset[int]) -> Elements:
    """The wanted top-level elements of a file; nothing is read beyond the tag of its pixels.

    Raises NotDicomError.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
        try:
            return _parsed(head, wanted)
        except (_NotPlainError, struct.error, RecursionError):
            if head[128:_PREAMBLE] != b"DICM" and not _is_bare(head):
                raise NotDicomError(not_dicom(head)) from None
            file.seek(0)
            return _read_by_pydicom(file, wanted)


def _is_bare(head: bytes) -> bool:
    """Whether a data set or file meta header begins without the 132-byte preamble."""
    little, big = (struct.unpack(order + "HH", head[:4].ljust(4, b"\xff")) for order in "<>")
    return (little[0] in _FIRST_GROUPS or big[0] in _FIRST_GROUPS) and min(little[1], big[1]) <= _FIRST_ELEMENTS


class _NotPlainError(Exception):
    pass


def _parsed(head: bytes, wanted: frozenset[int]) -> Elements:
    if head[128:_PREAMBLE] != b"DICM":
        raise _NotPlainError
    syntax, start = _meta(head)
    if syntax in ("", _EXPLICIT_BIG, *DEFLATED):
        raise _NotPlainError
    parser = _Parser(head, wanted, {})
    position, length = parser.through(start, syntax == _IMPLICIT)
    return Elements(parser.values, "<", syntax, None if length is None else (position, length))


def _meta(head: bytes) -> tuple[str, int]:
    """The transfer syntax, and where the data set begins; an empty syntax if the meta header is irregular."""
    group, element, kind, _, length = struct.unpack_from("<HH2sHI", head, _PREAMBLE)
    start = _PREAMBLE + 12 + length
    found = head.find(_SYNTAX, _PREAMBLE, start)
    if (group, element, kind) != (2, 0, b"UL") or found < 0:
        return "", 0
    (size,) = struct.unpack_from("<H", head, found + 6)
    return readable(head[found + 8 : found + 8 + size].decode("latin-1").strip("\0 ")), start


def readable(text: str) -> str:
    """Text in one line for messages, unprintable characters escaped."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


@dataclass
class _Parser:
    """Iterates over elements; raises struct.error where the header is longer than `head`."""

    head: bytes
    wanted: frozenset[int]
    values: dict[int, bytes]

    def through(self, position: int, implicit: bool, nested: bool = False) -> tuple[int, int | None]:
        """Up to Pixel Data or the end of an item: the next byte, and the length of Pixel Data if it is reached."""
        while True:
            tag, value, length = self._element(position, implicit)
            if tag == PIXEL_DATA and not nested:  # a nested one is an icon's
                return value, length
            if tag == _ITEM_END:
                return value, None
            if length == UNDEFINED:
                position = self._after_sequence(value, implicit)
                continue
            if tag in self.wanted and not nested:
                self.values[tag] = self.head[value : value + length]
            position = value + length

    def _element(self, position: int, implicit: bool) -> tuple[int, int, int]:
        """(tag, offset of its value, length of its value)."""
        group, element, kind, length = struct.unpack_from("<HH2sH", self.head, position)
        tag = group << 16 | element
        if implicit or group == _DELIMITERS:
            return tag, position + 8, struct.unpack_from("<I", self.head, position + 4)[0]
        if kind in _LONG:
            return tag, position + 12, struct.unpack_from("<I", self.head, position + 8)[0]
        if not (kind.isalpha() and kind.isupper()):
            raise _NotPlainError
        return tag, position + 8, length

    def _after_sequence(self, position: int, implicit: bool) -> int:
        while True:
            tag, position, length = self._element(position, implicit)
            if tag == SEQUENCE_END:
                return position
            if length == UNDEFINED:
                position, _ = self.through(position, implicit, nested=True)
            else:
                position += length


def _read_by_pydicom(file: BinaryIO, wanted: frozenset[int]) -> Elements:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about deviations that do not matter here
        try:
            dataset = dcmread(file, stop_before_pixels=True, force=True, specific_tags=list(wanted))
            values = {tag: _raw(dataset, tag) for tag in wanted if tag in dataset}
            syntax = readable(str(dataset.file_meta.get("TransferSyntaxUID", "")))
        except Exception as error:  # arbitrary bytes lead pydicom to raise anything
            truncated = isinstance(error, struct.error | EOFError)
            why = "its header is truncated" if truncated else readable(str(error) or type(error).__name__)
            raise NotDicomError(f"not a readable DICOM file ({why})") from error
    implicit, little = dataset.original_encoding
    order = "<" if little else ">"
    if syntax in DEFLATED:
        return Elements(values, order, syntax, None)
    pixels, kind = _span(file, order, bool(implicit))
    if not syntax and pixels is not None and pixels[1] != UNDEFINED:
        syntax = _IMPLICIT if implicit else _EXPLICIT if little else _EXPLICIT_BIG
    return Elements(values, order, syntax, pixels, in_words=kind == b"OW")


def _raw(dataset: Dataset, tag: int) -> bytes:
    value = dataset.get_item(tag).value
    return value if isinstance(value, bytes) else str(value or "").encode()


def _span(file: BinaryIO, order: str, implicit: bool) -> tuple[tuple[int, int] | None, bytes]:
    """Offset and length of the pixels, the file being positioned at their tag; and their value representation."""
    begin, head = file.tell(), file.read(12)
    if len(head) < 12:
        return None, b""
    group, element, kind, short = struct.unpack_from(order + "HH2sH", head)
    if group << 16 | element != PIXEL_DATA:
        return None, b""
    if not implicit and kind in _LONG:  # two unused bytes before the length
        return (begin + 12, struct.unpack_from(order + "I", head, 8)[0]), kind
    if not implicit and kind.isalpha() and kind.isupper():
        return (begin + 8, short), kind
    return (begin + 8, struct.unpack_from(order + "I", head, 4)[0]), b""
