"""What the chest CT says about a patient, in numbers: measured by us, or published by others; never a mixture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.competitions.osic.slices import PatientSlices, ScanTask, measure_scan, read_slices
from pulmo.errors import Fault, UserError
from pulmo.imaging.lung_slices import SliceFormat
from pulmo.pipeline.stage import Stage
from pulmo.scoring.tables import place, read_table, to_numbers

PUBLISHED_COLUMNS = ("Patient", "Volume", "Mean", "Skew", "Kurthosis")
MOST_NAMES = 5
LEAST_LUNG_LITRES = 1.0
"""Both lungs of an adult hold more even after breathing out; less says that they were not found."""


def measure_scans(
    stage: Stage, folders: dict[str, Path], patients: list[str], wanted: SliceFormat
) -> tuple[pd.DataFrame, PatientSlices]:
    """Our own statistics and slices of each patient's scan; what cannot be read is noted with its name and why.

    Args:
        stage: whose workers and notes are used.
        folders: the scans there are.
        patients: all patients, of whom some have no scan.
        wanted: how many slices, and how large.

    Returns:
        One row for each of `patients`, their index: what `lung_statistics` says, NaN where nothing is known, and
        `error` in words; and the slices of those whose lungs were found.
    """
    kept = stage.scratch("slices").resolve()
    tasks = {name: ScanTask(folder, kept / f"{name}.npy", wanted) for name, folder in folders.items()}
    measured = stage.map_rows(measure_scan, tasks, "scans")
    for patient in measured.index[_lungs_lost(measured)]:
        stage.note(f"The scan of {patient} is left out, the tables are used: its lungs were not found")
    for patient, error in measured["error"].dropna().items():
        stage.note(f"The scan of {patient} is left out, the tables are used: {error}")
    missing = [patient for patient in patients if patient not in folders]
    if missing:
        stage.note(f"{_patients(missing)} without a scan folder below {stage.data}: the tables are used")
    found = measured.index[measured["error"].isna() & ~_lungs_lost(measured)].to_list()
    statistics = measured.mask(_lungs_lost(measured)).reindex(pd.Index(patients, name="patient"))
    return statistics, read_slices(kept, found, wanted)


def read_published(path: Path) -> pd.DataFrame:
    """Statistics published by others.

    Args:
        path: a CSV file with the columns Patient, Volume (ml), Mean, Skew, Kurthosis; a volume of 0, or of less than a
            litre, says that their segmentation failed. Or any other layout whose first column is Patient: its numeric
            columns are taken.

    Returns:
        One row a patient of the file, indexed by `patient`, NaN where nothing is known. Of the known layout only
        `lung_litres` is taken: mean, skew and kurtosis are of a grey scale that cannot be told from the file.

    Raises:
        UserError: a patient stands there twice, or a cell is no number.
    """
    table = read_table(path, ("Patient",))
    if table.columns[0] != "Patient":
        raise UserError(Fault(str(path), f"its first column is {table.columns[0]!r}", "Put Patient first"))
    faults = [
        Fault(place(str(path), row, "Patient"), f"{table['Patient'].iloc[row]!r} is repeated", "Keep one row")
        for row in np.flatnonzero(table["Patient"].duplicated())
    ]
    numbers, not_numbers = _numeric_columns(table, str(path))
    if faults or not_numbers:
        raise UserError(faults + not_numbers)
    statistics = pd.DataFrame(numbers, index=pd.Index(table["Patient"], name="patient"))
    if set(PUBLISHED_COLUMNS) <= set(table.columns):
        statistics = (statistics["Volume"] / 1000).to_frame("lung_litres")
    if statistics.columns.empty:
        raise UserError(Fault(str(path), "has no column of numbers", "Give at least one beside Patient"))
    return statistics.mask(_lungs_lost(statistics))


def without_statistics(statistics: pd.DataFrame, columns: Sequence[str], patients: Sequence[str]) -> list[str]:
    """Those of `patients` of whom none of these statistics is known."""
    known = statistics.reindex(index=list(patients), columns=list(columns)).notna().any(axis=1)
    return [patient for patient in patients if not known[patient]]


def _lungs_lost(statistics: pd.DataFrame) -> pd.Series:
    litres = statistics.get("lung_litres", pd.Series(np.nan, index=statistics.index))
    return litres < LEAST_LUNG_LITRES


def _numeric_columns(table: pd.DataFrame, file: str) -> tuple[dict[str, np.ndarray], list[Fault]]:
    """Columns with at least one number; empty cells are NaN, other text among numbers is a fault."""
    numbers, faults = {}, []
    for column in table.columns.drop("Patient"):
        values, not_numbers = to_numbers(table, column, file)
        if np.isfinite(values).any():
            numbers[column] = values
            empty = {place(file, row, column) for row in np.flatnonzero(table[column] == "")}
            faults += [fault for fault in not_numbers if fault.where not in empty]
    return numbers, faults


def _patients(names: list[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES]) + (" …" if len(names) > MOST_NAMES else "")
    return f"{len(names)} patient{'s' * (len(names) != 1)} ({shown})"
