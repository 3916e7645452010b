"""LIDC-IDRI's annotations: four readers outlined what they took for nodules; which of their marks mean the same?

In the XML, every nodule of 3 mm or more has outlines in pixels, slice by slice, from each reading session; a smaller
one has a single point, and is not counted here.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.sparse.csgraph import connected_components

from pulmo.errors import Fault, ScanError

_UNREADABLE = (ElementTree.ParseError, ValueError, LookupError, OSError)
"""What parsing raises at a file that is no XML, in an encoding that nobody knows, or that may not be opened."""
_FURTHEST_MM = 1e5


class Mark(NamedTuple):
    """A nodule as one reader sees it: `session` counts the readers, `centre_mm` is (x, y, z), x and y from the
    image's corner; `radius_mm` is half of the greatest width."""

    session: int
    centre_mm: tuple[float, float, float]
    radius_mm: float


def series_of(path: Path) -> str:
    """The SeriesInstanceUID that an annotation is of; empty where the file is no annotation of a CT."""
    try:
        root = _root(path)
    except _UNREADABLE:
        return ""
    return (root.findtext(".//{*}SeriesInstanceUid") or "").strip() if _name(root) == "LidcReadMessage" else ""


def read_marks(path: Path, pixel_mm: tuple[float, float]) -> list[Mark]:
    """Every outlined nodule (3 mm or more) of every reading session.

    Args:
        path: the XML file.
        pixel_mm: PixelSpacing of the series: between rows, between columns.

    Raises:
        ScanError: the file is no XML, or an outline is no number.
    """
    try:
        root = _root(path)
        return [
            mark
            for session, reading in enumerate(root.iterfind("{*}readingSession"))
            for nodule in reading.iterfind("{*}unblindedReadNodule")
            if (mark := _mark(session, nodule, pixel_mm)) is not None
        ]
    except _UNREADABLE as error:
        raise ScanError(
            Fault(str(path), f"is no annotation of LIDC-IDRI ({error})", "Download the file again")
        ) from None


def count_nodules(marks: Sequence[Mark], min_readers: int = 1) -> int:
    """How many nodules the marks mean.

    Marks whose centres lie closer together than the larger of their radii are of one nodule, and so are all that hang
    together by such pairs. It counts if readers of at least `min_readers` sessions marked it.
    """
    if not marks:
        return 0
    centres, radii = np.array([mark.centre_mm for mark in marks]), np.array([mark.radius_mm for mark in marks])
    distances = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    _, nodule_of_mark = connected_components(distances < np.maximum(radii[:, None], radii[None]), directed=False)
    readers: dict[int, set[int]] = {}
    for nodule, mark in zip(nodule_of_mark.tolist(), marks, strict=True):
        readers.setdefault(nodule, set()).add(mark.session)
    return sum(len(sessions) >= min_readers for sessions in readers.values())


def is_class_b(nodules: int) -> bool:
    """The slides' classes, A of 0–1 nodules and B of 1–25, overlap at one nodule: here it is A, and B begins at two."""
    return nodules >= 2


def _mark(session: int, nodule: ElementTree.Element, pixel_mm: tuple[float, float]) -> Mark | None:
    """None for a nodule under 3 mm, of which there is only a point."""
    outlines = []
    for region in nodule.iterfind("{*}roi"):
        # An outline of what is to be left out of the nodule does not widen it.
        if (region.findtext("{*}inclusion") or "TRUE").strip().upper() != "TRUE":
            continue
        z = float(region.findtext("{*}imageZposition") or "nan")
        points = [
            (float(edge.findtext("{*}xCoord") or "nan"), float(edge.findtext("{*}yCoord") or "nan"))
            for edge in region.iterfind("{*}edgeMap")
        ]
        outlines.append(np.array([(x * pixel_mm[1], y * pixel_mm[0], z) for x, y in points]))
    points_mm = np.concatenate([outline for outline in outlines if len(outline)] or [np.empty((0, 3))])
    if not (np.abs(points_mm) <= _FURTHEST_MM).all():  # nor of a point that is no number
        raise ValueError("an outline without numbers, or far outside any scanner")
    if max(map(len, outlines), default=0) < 2:
        return None
    low, high = points_mm.min(axis=0), points_mm.max(axis=0)
    x, y, z = ((low + high) / 2).tolist()
    return Mark(session, (x, y, z), float((high - low).max() / 2))


def _root(path: Path) -> ElementTree.Element:
    with path.open("rb") as file:
        return ElementTree.parse(file).getroot()


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
