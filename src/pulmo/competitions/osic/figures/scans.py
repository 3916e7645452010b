"""The scans under `train/`: an overview, and the example scan of the page."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from pydicom import dcmread

from pulmo.competitions.osic.data import read_visits, scan_folders
from pulmo.errors import ScanError
from pulmo.files import files_below
from pulmo.imaging.lungs import LungMask, segment_lungs
from pulmo.imaging.reading import read_volume
from pulmo.imaging.slices import NotASliceError, SliceHeader, read_slice_header
from pulmo.imaging.volume import Volume
from pulmo.pipeline.runner import Run
from pulmo.report.sections import CannotDrawError

MAX_ATTEMPTS = 5
SCANNER_TAGS = {
    "Manufacturer": "manufacturer",
    "ManufacturerModelName": "model",
    "ConvolutionKernel": "kernel",
    "SliceThickness": "slice thickness, mm",
}
"""DICOM keywords that tell how a scan was made, and their names on the page."""


class ShownScan(NamedTuple):
    """A scan with its lung mask."""

    patient: str
    folder: Path
    volume: Volume
    mask: LungMask


def folders_of(run: Run) -> dict[str, Path]:
    """The scan folder of each patient who has one. Raises UserError if none has."""
    folder = run.paths.data / "train"
    patients = read_visits(run.paths.data / "train.csv")["patient"].unique()
    folders = scan_folders(folder, patients)
    if not folders:
        raise CannotDrawError(
            str(folder), "no patient has a scan there", "Download the DICOM files, one folder per patient"
        )
    return folders


def shown_scan(run: Run) -> ShownScan:
    """The first scan with a good mask among the first few, else the first with a mask. Raises UserError if none has."""
    return _first_good(tuple(folders_of(run).items())[:MAX_ATTEMPTS])


def overview(run: Run) -> pd.DataFrame:
    """One row per patient with a scan: `patient`, `files`, and `rows` and `columns` of the first slice."""
    return pd.DataFrame([{"patient": patient, **_summary(folder)} for patient, folder in folders_of(run).items()])


@lru_cache(maxsize=1)
def _first_good(folders: tuple[tuple[str, Path], ...]) -> ShownScan:
    found: list[ShownScan] = []
    for patient, folder in folders:
        try:
            volume = read_volume(folder)
            found.append(ShownScan(patient, folder, volume, segment_lungs(volume)))
        except ScanError:
            continue
        if found[-1].mask.quality.verdict == "good":
            return found[-1]
    if not found:
        names = ", ".join(patient for patient, _ in folders)
        raise CannotDrawError(
            str(folders[0][1].parent), f"none of {names} is a readable chest CT", "Run `pulmo scan` on one of them"
        )
    return found[0]


def scanners(run: Run) -> pd.DataFrame:
    """One row per patient with a readable slice: the texts of SCANNER_TAGS, from the first file; "–" where missing."""
    rows = []
    for folder in folders_of(run).values():
        header = next(filter(None, map(_tags, files_below(folder))), None)
        if header is not None:
            rows.append(header)
    if not rows:
        raise CannotDrawError(
            str(run.paths.data / "train"), "no file has a readable header", "Download the files again"
        )
    return pd.DataFrame(rows)


def _tags(path: Path) -> dict[str, str] | None:
    try:
        with path.open("rb") as file:
            header = dcmread(file, stop_before_pixels=True, specific_tags=list(SCANNER_TAGS))
        return {name: str(header.get(tag) or "–") for tag, name in SCANNER_TAGS.items()}
    except Exception:  # arbitrary bytes lead pydicom to raise anything
        return None


def _summary(folder: Path) -> dict[str, float]:
    files = files_below(folder)
    header = next(filter(None, map(_header, files)), None)
    if header is None:
        return {"files": len(files)}
    return {"files": len(files), "rows": header.rows, "columns": header.columns}


def _header(path: Path) -> SliceHeader | None:
    try:
        return read_slice_header(path)
    except (NotASliceError, OSError):
        return None
