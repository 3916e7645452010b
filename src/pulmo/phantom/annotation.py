"""Nodule annotations of a series by four readers, in LIDC-IDRI's XML format."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydicom import dcmread

from pulmo.phantom.geometry import Grid
from pulmo.phantom.nodules import Nodule

NAMESPACE = "http://www.nih.gov"
SESSIONS = 4
SMALLEST_OUTLINED_MM = 3.0
_CORNERS = 24


class Reading(NamedTuple):
    """A nodule as outlined by one reader (0 … 3), with small random errors."""

    session: int
    nodule: Nodule


def readings(nodules: Sequence[Nodule], seed: int, sensitivity: float = 0.85) -> list[Reading]:
    """Simulated marks of four readers: each finds a nodule with probability `sensitivity`, at least one finds it.

    Centres have errors of 0.5 mm (standard deviation), diameters of up to a tenth.
    """
    rng = np.random.default_rng([seed, 7])
    found = []
    for nodule in nodules:
        marked = rng.random(SESSIONS) < sensitivity
        marked[rng.integers(SESSIONS)] = True
        for session in np.flatnonzero(marked).tolist():
            x, y, z = (np.asarray(nodule.centre_mm) + rng.normal(0, 0.5, 3)).tolist()
            found.append(Reading(session, Nodule((x, y, z), nodule.diameter_mm * rng.uniform(0.9, 1.1), nodule.hu)))
    return found


def write_annotation(path: Path, slices: Sequence[Path], grid: Grid, found: Sequence[Reading]) -> None:
    """Write the readers' marks.

    Args:
        path: of the XML file.
        slices: the series' files, in the order of the grid.
        grid: of the series; axial, upright.
        found: nodules of 3 mm or more are outlined in every slice that they intersect, smaller ones are one point.
    """
    root = ElementTree.Element("LidcReadMessage", {"uid": "1.3.6.1.4.1.14519.5.2.1.6279.6001.0", "xmlns": NAMESPACE})
    header = ElementTree.SubElement(root, "ResponseHeader")
    uids = [
        dcmread(file, stop_before_pixels=True, specific_tags=["SOPInstanceUID", "SeriesInstanceUID"]) for file in slices
    ]
    _text(header, "SeriesInstanceUid", str(uids[0].SeriesInstanceUID))
    for session in range(SESSIONS):
        reading = ElementTree.SubElement(root, "readingSession")
        _text(reading, "annotationVersion", "3.12")
        _text(reading, "servicingRadiologistID", f"anon{session}")
        for number, mark in enumerate(mark for mark in found if mark.session == session):
            _write_nodule(reading, number, mark.nodule, grid, [str(uid.SOPInstanceUID) for uid in uids])
    path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _write_nodule(reading: ElementTree.Element, number: int, nodule: Nodule, grid: Grid, uids: Sequence[str]) -> None:
    element = ElementTree.SubElement(reading, "unblindedReadNodule")
    _text(element, "noduleID", f"Nodule {number + 1:03d}")
    centre, radius = np.asarray(nodule.centre_mm), nodule.diameter_mm / 2
    heights = grid.origins[:, 2] - centre[2]
    if nodule.diameter_mm < SMALLEST_OUTLINED_MM:
        nearest = int(np.abs(heights).argmin())
        _write_region(element, grid, nearest, uids[nearest], centre[None, :2])
        return
    _text(ElementTree.SubElement(element, "characteristics"), "malignancy", "3")
    # A nodule between two slices is outlined in the nearer one, which it partly fills.
    intersecting = np.flatnonzero(np.abs(heights) < radius).tolist()
    for index in intersecting or [int(np.abs(heights).argmin())]:
        width = np.sqrt(max(radius**2 - heights[index] ** 2, (0.5 * radius) ** 2))
        angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
        outline = centre[:2] + width * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        _write_region(element, grid, index, uids[index], outline)


def _write_region(element: ElementTree.Element, grid: Grid, index: int, uid: str, points_mm: np.ndarray) -> None:
    region = ElementTree.SubElement(element, "roi")
    _text(region, "imageZposition", f"{grid.origins[index, 2]:.6f}")
    _text(region, "imageSOP_UID", uid)
    _text(region, "inclusion", "TRUE")
    rows_mm, columns_mm = grid.pixel_mm
    for x, y in np.rint((points_mm - grid.origins[index, :2]) / (columns_mm, rows_mm)).astype(int).tolist():
        edge = ElementTree.SubElement(region, "edgeMap")
        _text(edge, "xCoord", str(x))
        _text(edge, "yCoord", str(y))


def _text(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text
