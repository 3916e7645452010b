"""The scans under `train/`: how many files each has, and the one that the page shows."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pulmo.competitions.osic.data import read_visits, scan_folders
from pulmo.errors import ScanError
from pulmo.files import files_below
from pulmo.imaging.lungs import LungMask, segment_lungs
from pulmo.imaging.reading import read_volume
from pulmo.imaging.slices import NotASliceError, SliceHeader, read_slice_header
from pulmo.imaging.volume import Volume
from pulmo.pipeline.runner import Run
from pulmo.report.sections import CannotDrawError

MOST_TRIED = 5


class ShownScan(NamedTuple):
    """A scan whose lungs were found."""

    patient: str
    folder: Path
    volume: Volume
    mask: LungMask


def folders_of(run: Run) -> dict[str, Path]:
    """The scan's folder of each patient who has one. Raises UserError if nobody has."""
    folder = run.paths.data / "train"
    patients = read_visits(run.paths.data / "train.csv")["patient"].unique()
    folders = scan_folders(folder, patients)
    if not folders:
        raise CannotDrawError(
            str(folder), "no patient has a scan there", "Download the DICOM files, a folder a patient"
        )
    return folders


def shown_scan(run: Run) -> ShownScan:
    """The first scan with a good mask among the first few, or the first with any. Raises UserError if there is none."""
    return _first_good(tuple(folders_of(run).items())[:MOST_TRIED])


def overview(run: Run) -> pd.DataFrame:
    """One row a patient with a scan: `patient`, `files`, and `rows` and `columns` of the first slice."""
    return pd.DataFrame([{"patient": patient, **_glance(folder)} for patient, folder in folders_of(run).items()])


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
            str(folders[0][1].parent), f"none of {names} can be read as a chest CT", "See `pulmo scan`"
        )
    return found[0]


def _glance(folder: Path) -> dict[str, float]:
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
