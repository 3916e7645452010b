"""Lists the series below a folder, and flags localizers and X-rays: from one header each and from names."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydicom.datadict import tag_for_keyword

from pulmo.files import folders_below
from pulmo.imaging.dicom_parser import NotDicomError, read_elements
from pulmo.imaging.slices import SLICE_TAGS, Values, modality_of

_KEYWORDS = ("SeriesDescription", "ProtocolName", "ImageType", "PatientID", "SeriesInstanceUID")
_WANTED = SLICE_TAGS | {tag_for_keyword(keyword) or 0 for keyword in _KEYWORDS}
UNKNOWN = "unknown"
_LOCALIZER = re.compile(r"scout|locali[sz]er|topogram|scanogram|surview|survey|tripilot|plane[ _-]?loc", re.IGNORECASE)
_X_RAY = re.compile(r"x-?ray|radiograph|chest[ _-]?(pa|ap|lat)\b", re.IGNORECASE)
_X_RAY_MODALITIES = ("CR", "DX", "DR", "RF", "XA", "MG")


class SeriesFolder(NamedTuple):
    """A folder that holds files directly, described by the header of its first DICOM image.

    Attributes:
        folder: its path.
        modality: CT, MR …, or UNKNOWN; empty where no file is DICOM.
        patient: PatientID, may be empty.
        series: SeriesInstanceUID, may be empty.
        exclusion: why it is not a volume (a localizer, an X-ray); empty for a volume.
    """

    folder: Path
    modality: str
    patient: str
    series: str
    exclusion: str


def list_series(folder: Path) -> list[SeriesFolder]:
    """Every folder at or below `folder` that holds files, by path, links followed; hidden files are ignored."""
    found = []
    for place, names in folders_below(folder):
        files = [place / name for name in names if not name.startswith(".")]
        if files:
            found.append(_described(place, files))
    return sorted(found, key=lambda series: series.folder)


def _described(folder: Path, files: Sequence[Path]) -> SeriesFolder:
    """By the first image; by the first DICOM file if there is none (a report, an index)."""
    first: Values | None = None
    for path in files:
        try:
            values = Values(read_elements(path, _WANTED))
        except (NotDicomError, OSError):
            continue
        first = first or values
        if values.integer("Rows", 0):
            first = values
            break
    if first is None:
        return SeriesFolder(folder, "", "", "", "")
    text = {keyword: first.text(keyword) for keyword in _KEYWORDS}
    modality = modality_of(first)[0] or UNKNOWN
    names = (text["SeriesDescription"], text["ProtocolName"], folder.name)
    exclusion = _exclusion(modality, text["ImageType"], names)
    return SeriesFolder(folder, modality, text["PatientID"], text["SeriesInstanceUID"], exclusion)


def _exclusion(modality: str, image_type: str, names: tuple[str, ...]) -> str:
    """Why a series is not a volume, empty if it is: localizers and X-rays share the scan's patient and study."""
    if modality in _X_RAY_MODALITIES:
        return f"an X-ray ({modality})"
    if "LOCALIZER" in image_type:
        return "a localizer"
    for pattern, kind in ((_LOCALIZER, "a scout or survey"), (_X_RAY, "an X-ray")):
        named = next((name for name in names if pattern.search(name)), None)
        if named is not None:
            return f"{kind} ({named})"
    return ""
