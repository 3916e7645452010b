"""Kaggle's RSNA files → checked tables. Also cuts a hidden test set from training data, as Kaggle cut its own."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.submission import BOX_COLUMNS, COLUMN_ALIASES, read_solution
from pulmo.errors import Fault, UserError
from pulmo.scoring.boxes import COLUMN
from pulmo.scoring.ids import missing_ids
from pulmo.scoring.tables import place, read_table
from pulmo.training.image_files import image_files as files_by_id

LABELS, CLASSES = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"
TRAIN_IMAGES, TEST_IMAGES = "stage_2_train_images", "stage_2_test_images"
SAMPLE = "stage_2_sample_submission.csv"
NORMAL, OPACITY, OTHER = "Normal", "Lung Opacity", "No Lung Opacity / Not Normal"
UNKNOWN = ""
OLDEST_YEARS = 110
"""Ages above are slips of the pen: the competition's headers go up to 155."""


class Labels(NamedTuple):
    """What is known of the training patients.

    Attributes:
        patients: a row a patient, in the file's order: `patient`, `class` (one of the three, or "" where there is no
            class table), `boxes` (how many).
        boxes: a row a box: `patient`, `x`, `y`, `width`, `height` in pixels.
    """

    patients: pd.DataFrame
    boxes: pd.DataFrame


def read_labels(folder: Path) -> Labels:
    """Read the competition's labels and, where it is there, its table of detailed classes; joined on `patientId`.

    Raises:
        UserError: with every fault of the labels; or the class table contradicts itself or them.
    """
    solution = read_solution(folder / LABELS)
    boxes = solution[solution["Target"] == 1].rename(columns={"patientId": "patient"})
    patients = solution.groupby("patientId", sort=False)["Target"].sum().rename("boxes").reset_index()
    patients = patients.rename(columns={"patientId": "patient"})
    if patients.empty:
        raise UserError(Fault(str(folder / LABELS), "has no patient", "Download the file again"))
    kind = _read_classes(folder / CLASSES, solution) if (folder / CLASSES).is_file() else {}
    patients.insert(1, "class", patients["patient"].map(kind).astype(object).fillna(UNKNOWN))
    return Labels(patients, boxes[["patient", *BOX_COLUMNS]].reset_index(drop=True))


def _read_classes(path: Path, solution: pd.DataFrame) -> dict[str, str]:
    """The class of each patient, who may have several rows, as many as boxes."""
    table = read_table(path, ("patientId", "class"), COLUMN_ALIASES)
    known = (NORMAL, OPACITY, OTHER)
    faults = [
        Fault(
            place(str(path), row, "class"), f"{table['class'].iloc[row]!r} is not known", f"Write {' or '.join(known)}"
        )
        for row in np.flatnonzero(~table["class"].isin(known))
    ]
    first = table.drop_duplicates("patientId").set_index("patientId")["class"]
    boxed = set(solution.loc[solution["Target"] == 1, "patientId"])
    expected = table["patientId"].map(first)
    told = table["patientId"].isin(set(solution["patientId"]))
    faults += [
        Fault(place(str(path), row, "class"), f"{table['class'].iloc[row]!r}, but {why}", "Make them agree")
        for why, wrong in (
            ("another in the patient's first row", table["class"] != expected),
            (f"{LABELS} says otherwise", told & ((table["class"] == OPACITY) != table["patientId"].isin(boxed))),
        )
        for row in np.flatnonzero(wrong)
    ]
    faults += missing_ids(table, solution, "patientId")
    if faults:
        raise UserError(faults)
    return {str(patient): str(kind) for patient, kind in first.items()}


def read_sample(path: Path) -> list[str]:
    """The patients that `stage_2_sample_submission.csv` asks for, in the file's order.

    Raises:
        UserError: one stands there twice, or there is none.
    """
    ids = read_table(path, ("patientId",), COLUMN_ALIASES)["patientId"]
    faults = [
        Fault(place(str(path), row, "patientId"), f"{ids.iloc[row]!r} stands there again", "Download the file again")
        for row in np.flatnonzero(ids.duplicated())
    ]
    if ids.empty:
        faults.append(Fault(str(path), "asks for nothing", "Download the file again"))
    if faults:
        raise UserError(faults)
    return ids.to_list()


def image_files(folder: Path, patients: Iterable[str]) -> dict[str, Path]:
    """The X-ray of each patient that has one in Kaggle's image folder, in the order of the patients."""
    there = files_by_id(folder)
    return {patient: there[patient] for patient in patients if patient in there}


def impossible_ages(age_years: pd.Series) -> pd.Series:
    """Which ages nobody has reached, (patients,) bool; an unknown age is none of them."""
    return (age_years > OLDEST_YEARS) | (age_years < 0)


class HiddenTest(NamedTuple):
    """Training data cut in two, in Kaggle's columns; `solution` is what only Kaggle would know."""

    labels: pd.DataFrame
    classes: pd.DataFrame
    sample: pd.DataFrame
    solution: pd.DataFrame


def cut_hidden_test(folder: Path, patients: Sequence[str]) -> HiddenTest:
    """Hide some patients of the training data.

    Returns:
        `labels` and `classes` of the others; `sample`, asking for these; `solution`, their labels.

    Raises:
        UserError: the files have faults, or a patient is not in them.
    """
    labels, solution = read_labels(folder), read_solution(folder / LABELS)
    unknown = sorted(set(patients) - set(labels.patients["patient"]))
    if unknown:
        remedy = "Choose patients from this file"
        raise UserError(Fault(str(folder / LABELS), f"has no patient {name!r}", remedy) for name in unknown)
    hidden = solution["patientId"].isin(patients)
    kind = labels.patients.set_index("patient")["class"]
    shown = solution[~hidden].reset_index(drop=True)
    return HiddenTest(
        labels=shown,
        classes=shown[["patientId"]].assign(**{"class": shown["patientId"].map(kind)}),
        sample=pd.DataFrame({"patientId": sorted(patients), COLUMN: "0.5 0 0 100 100"}),
        solution=solution[hidden].reset_index(drop=True),
    )
