"""Which series lie below a folder, and which of them are no scans: from one header each and from names."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

_KEYWORDS = ("Modality", "SeriesDescription", "ProtocolName", "ImageType", "PatientID", "SeriesInstanceUID")
_OVERVIEW = re.compile(r"scout|locali[sz]er|topogram|scanogram|surview|survey|tripilot|plane[ _-]?loc", re.IGNORECASE)
_X_RAY = re.compile(r"x-?ray|radiograph|chest[ _-]?(pa|ap|lat)\b", re.IGNORECASE)
_X_RAY_MODALITIES = ("CR", "DX", "DR", "RF", "XA", "MG")


class SeriesFolder(NamedTuple):
    """A folder that holds files directly, as its first DICOM file tells of it.

    Attributes:
        folder: where.
        modality: CT, MR …; empty where no file is DICOM.
        patient: PatientID, may be empty.
        series: SeriesInstanceUID, may be empty.
        overview: why it is no scan, in words; empty for one.
    """

    folder: Path
    modality: str
    patient: str
    series: str
    overview: str


def list_series(folder: Path) -> list[SeriesFolder]:
    """Every folder at or below `folder` that holds files, by path; of hidden files nothing is said."""
    found = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        files = [Path(place, name) for name in sorted(names) if not name.startswith(".")]
        if files:
            found.append(_described(Path(place), files))
    return sorted(found, key=lambda series: series.folder)


def _described(folder: Path, files: list[Path]) -> SeriesFolder:
    for path in files:
        try:
            header = dcmread(path, stop_before_pixels=True, specific_tags=list(_KEYWORDS))
        except (InvalidDicomError, OSError):
            continue
        text = {keyword: str(header.get(keyword) or "") for keyword in _KEYWORDS}
        names = (text["SeriesDescription"], text["ProtocolName"], folder.name)
        return SeriesFolder(
            folder, text["Modality"], text["PatientID"], text["SeriesInstanceUID"], _overview(text, names)
        )
    return SeriesFolder(folder, "", "", "", "")


def _overview(text: dict[str, str], names: tuple[str, ...]) -> str:
    """Series taken to plan a scan, or beside it: they have the scan's patient and study, but are no volume."""
    if text["Modality"] in _X_RAY_MODALITIES:
        return f"an X-ray ({text['Modality']})"
    if "LOCALIZER" in text["ImageType"]:
        return "a localizer"
    for pattern, kind in ((_OVERVIEW, "a scout or survey"), (_X_RAY, "an X-ray")):
        named = next((name for name in names if pattern.search(name)), None)
        if named is not None:
            return f"{kind} ({named})"
    return ""
