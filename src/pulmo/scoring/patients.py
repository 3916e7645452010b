"""The patient of each image, by a table: one that the user names, `nih_patients.csv`, or the competition's own.

RSNA and SIIM name images, not people; both sets come from the NIH's chest X-rays, in which half of the people have
several. `nih_patients.csv`, where it lies in Kaggle's folder, gives the NIH's patient of each image.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.errors import Fault, UserError
from pulmo.protocols import Patients
from pulmo.scoring.ids import difference
from pulmo.scoring.tables import place, read_table

NIH_PATIENTS = "nih_patients.csv"
"""In Kaggle's folder: the competition's id column, and the patient."""


class PatientTable(NamedTuple):
    """A file that names the patients of images.

    Attributes:
        path: of the file.
        of_image: the patient of each image that the file names one for.
        given: whether the user named the file; else it was found in Kaggle's folder.
    """

    path: Path
    of_image: Mapping[str, str]
    given: bool = False


def find_patients(data: Path, row_id: str, given: Path | None = None) -> PatientTable | None:
    """The table of patients: the file that the setting `features.patients` names, else NIH_PATIENTS in Kaggle's folder.

    Args:
        data: Kaggle's folder.
        row_id: the competition's id column, which the table must have.
        given: the setting.

    Returns:
        None where nothing is given and the folder has no such table.

    Raises:
        UserError: as `read_patients` does.
    """
    path = given or data / NIH_PATIENTS
    if given is None and not path.is_file():
        return None
    return PatientTable(path, read_patients(path, row_id), given is not None)


def read_patients(path: Path, row_id: str, column: str | None = None) -> dict[str, str]:
    """The patient of each image that a table names one for. An image may be there twice, with the same patient.

    Args:
        path: a CSV file.
        row_id: its column of image ids.
        column: its column of patients; without it, the table has two columns, of which this is the other.

    Raises:
        UserError: there is no such file, or it lacks a column or has no rows; or with every row that has no id, or
            another patient than an earlier row of the image.
    """
    table = read_table(path, (row_id,) if column is None else (row_id, column))
    column = _other_column(table, row_id, path) if column is None else column
    if table.empty:
        raise UserError(Fault(str(path), "has no rows", f"Write a row for each image: {row_id} and the patient"))
    faults = [
        Fault(place(str(path), row, row_id), "is empty", "Write the image's id, or remove the row")
        for row in np.flatnonzero(table[row_id] == "")
    ]
    known = table[table[column] != ""]
    first = known.drop_duplicates(row_id).set_index(row_id)[column]
    expected = known[row_id].map(first)
    faults += [
        Fault(
            place(str(path), row, column),
            f"{known[row_id][row]!r} is of patient {known[column][row]!r} here, of {expected[row]!r} in an earlier row",
            "Keep the right one",
        )
        for row in known.index[known[column] != expected]
    ]
    if faults:
        raise UserError(faults)
    return {str(image): str(patient) for image, patient in first.items()}


def _other_column(table: pd.DataFrame, row_id: str, path: Path) -> str:
    others = [str(name) for name in table.columns if name != row_id]
    if len(others) != 1:
        what = f"has {len(others)} columns beside {row_id!r}; it must have one, the patient"
        raise UserError(Fault(str(path), what, f"Give a table of two columns: {row_id} and the patient"))
    return others[0]


def require_known_image(images: Sequence[str], table: PatientTable | None) -> None:
    """Raise a UserError where the user named a table, and it has none of the images (ids)."""
    if table is not None and table.given and (fault := none_in_table(images, table)):
        raise UserError(fault)


def none_in_table(images: Sequence[str], table: PatientTable) -> Fault | None:
    """The fault of a table that has none of the images; None if it has one."""
    if not images or any(image in table.of_image for image in images):
        return None
    ids, remedy = list(table.of_image), "Give the table of patients of these images"
    what = f"none of its {len(ids):,} ids is one of the {len(images):,} images"
    if not ids:
        return Fault(str(table.path), f"{what}: it names no patient", remedy)
    if found := difference(ids, images):
        return Fault(str(table.path), f"{what}: they {found.what}", found.remedy)
    return Fault(str(table.path), f"{what}: they are like {ids[0]!r}, the images like {images[0]!r}", remedy)


def patients_by_table(images: pd.Series, table: PatientTable) -> Patients:
    """The patient of each image (ids); one that the table lacks counts as a patient of its own, which is noted."""
    found = images.map(table.of_image)
    unknown = images[found.isna()]
    note = (
        f"{unknown.nunique()} of {images.nunique()} images are not in {table.path.name}: each counts as a patient of "
        "its own"
    )
    return Patients(found.fillna(images), (note,) if len(unknown) else ())


def patients_of_images(
    images: pd.Series, data: Path | None, table: str = NIH_PATIENTS, column: str | None = None
) -> Patients:
    """The patient of each image, see `patients_by_table`; without a table, each image counts as a patient, noted too.

    Args:
        images: image ids; the series' name is the table's column of ids.
        data: Kaggle's folder, if it is there.
        table: the file in it that names the patients.
        column: its column of patients, where there are others, see `read_patients`.

    Raises:
        UserError: as `read_patients` does.
    """
    if data is None or not (data / table).is_file():
        where = f"there is no {table} in {data}" if data else f"no data folder with a {table} is given"
        return Patients(images, (f"Each image counts as a patient of its own: {where}",))
    known = read_patients(data / table, str(images.name), column)
    return patients_by_table(images, PatientTable(data / table, known))
