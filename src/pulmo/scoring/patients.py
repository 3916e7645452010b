"""The patient of each image, by a table in Kaggle's folder: the competition's own, or `nih_patients.csv`.

RSNA and SIIM name images, not people; both sets come from the NIH's chest X-rays, in which half of the people have
several. `nih_patients.csv` gives the NIH's patient of each image.
"""

from pathlib import Path

import pandas as pd

from pulmo.competition import Patients
from pulmo.errors import UserError
from pulmo.scoring.ids import repeated_ids
from pulmo.scoring.tables import read_table

NIH_PATIENTS = "nih_patients.csv"
"""In Kaggle's folder: the competition's id column, and `nih_patient`."""
_PATIENT = "nih_patient"


def read_nih_patients(data: Path, row_id: str) -> dict[str, str]:
    """The NIH's patient of each image in the folder `data`; empty where it has no such table.

    Raises:
        UserError: the table lacks a column, or has an image twice.
    """
    return _read_patients(data / NIH_PATIENTS, row_id, _PATIENT)


def patients_of_images(
    images: pd.Series, data: Path | None, table: str = NIH_PATIENTS, column: str = _PATIENT
) -> Patients:
    """The patient of each image; an image that the table lacks counts as a patient of its own, which is noted.

    Args:
        images: image ids; the series' name is the table's column of ids.
        data: Kaggle's folder, if it is there.
        table: the file in it that names the patients.
        column: its column of patients.

    Raises:
        UserError: the table lacks a column, or has an image twice.
    """
    known = {} if data is None else _read_patients(data / table, str(images.name), column)
    if not known:
        where = f"there is no {table} in {data}" if data else f"no data folder with a {table} is given"
        return Patients(images, (f"Each image counts as a patient of its own: {where}",))
    found = images.map(known)
    unknown = images[found.isna()].nunique()
    note = f"{unknown} of {images.nunique()} images are not in {table}: each counts as a patient of its own"
    return Patients(found.fillna(images), (note,) if unknown else ())


def _read_patients(path: Path, row_id: str, column: str) -> dict[str, str]:
    """The patient of each image that the table names one for; empty where there is no such file."""
    if not path.is_file():
        return {}
    table = read_table(path, (row_id, column))
    if faults := repeated_ids(table, row_id):
        raise UserError(faults)
    known = table[table[column] != ""]
    return dict(zip(known[row_id], known[column], strict=True))
