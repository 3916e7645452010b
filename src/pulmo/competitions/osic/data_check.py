"""OSIC's files checked before long work: visits, CT scans, test patients, the sample submission."""

from pathlib import Path

import pandas as pd

from pulmo.competitions.osic.data import read_sample, read_visits, scan_folders
from pulmo.competitions.osic.settings import Settings
from pulmo.errors import Fault
from pulmo.imaging.reading import read_volume
from pulmo.pipeline.data_check import LIBRARY_BYTES, ImageTable, attempt, check_images, combined
from pulmo.protocols import DataCheck

SCAN_BYTES = 1_000_000_000
"""A scan of 500 slices in Hounsfield units (float32), its mask, and what segmentation takes beside them."""
VOXEL_BYTES = 2


def check(data: Path, settings: Settings) -> DataCheck:
    """Check training and test files; see `pulmo.protocols.DataChecker`. A patient may have no scan."""
    return combined([_training(data, settings), _test(data)])


def _training(data: Path, settings: Settings) -> DataCheck:
    path = data / "train.csv"
    visits, faults = attempt(lambda: read_visits(path))
    if visits is None:
        return DataCheck({}, faults)
    patients = visits["patient"].drop_duplicates().to_list()
    followed, needed = int((visits.groupby("patient").size() > 1).sum()), 2 * settings.features.folds
    counts: dict[str, int | str] = {"visits": len(visits), "patients with several visits": followed}
    if followed < needed:
        remedy = f"Give at least {needed}, or set features.folds lower"
        faults = (Fault(str(path), f"{followed} patients have more than one visit", remedy),)
    scans = _scans(data / "train", patients, "training scans")
    wanted = settings.features
    disk = len(patients) * wanted.slices * wanted.slice_pixels**2 * VOXEL_BYTES
    return combined([DataCheck(counts, faults, (), disk, LIBRARY_BYTES + SCAN_BYTES), scans])


def _test(data: Path) -> DataCheck:
    path, sample = data / "test.csv", data / "sample_submission.csv"
    visits, faults = attempt(lambda: read_visits(path))
    rows, wrong = attempt(lambda: read_sample(sample) if sample.is_file() else None)
    if visits is None or wrong:
        return DataCheck({}, (*faults, *wrong))
    patients = visits["patient"].drop_duplicates().to_list()
    scans = _scans(data / "test", patients, "test scans")
    return combined([DataCheck({"test patients": len(patients)}, _unknown(rows, patients, sample)), scans])


def _scans(folder: Path, patients: list[str], title: str) -> DataCheck:
    return check_images(ImageTable(title, lambda: patients, lambda: scan_folders(folder, patients), read_volume))


def _unknown(rows: pd.DataFrame | None, patients: list[str], sample: Path) -> tuple[Fault, ...]:
    """Patients of the sample submission of whom there is no first visit."""
    unknown: list[str] = [] if rows is None else rows.loc[~rows["patient"].isin(patients), "patient"].unique().tolist()
    return tuple(
        Fault(str(sample), f"patient {patient!r} has no visit in test.csv", "Use both files of the same download")
        for patient in unknown
    )
