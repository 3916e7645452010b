"""The patient of each image, by the table `nih_patients.csv` where it lies in Kaggle's folder.

RSNA and SIIM name images, not people; both sets come from the NIH's chest X-rays, in which half of the people have
several. The table gives the NIH's patient of each image.
"""

from pathlib import Path

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
    path = data / NIH_PATIENTS
    if not path.is_file():
        return {}
    table = read_table(path, (row_id, _PATIENT))
    if faults := repeated_ids(table, row_id):
        raise UserError(faults)
    known = table[table[_PATIENT] != ""]
    return dict(zip(known[row_id], known[_PATIENT], strict=True))
