"""Kaggle's OSIC files → checked tables. Also cuts a hidden test set from training data, as Kaggle cut its own."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.osic.submission import patient_of, read_solution, row_ids
from pulmo.errors import Fault, UserError
from pulmo.files import folders_of
from pulmo.scoring.sample import sample_faults
from pulmo.scoring.tables import place, read_table, to_numbers

VISIT_COLUMNS = ("Patient", "Weeks", "FVC", "Percent", "Age", "Sex", "SmokingStatus")
CHOICES = {
    "Sex": ("Male", "Female"),
    "SmokingStatus": ("Ex-smoker", "Never smoked", "Currently smokes"),
}
RANGES = {
    "Weeks": (-1000, 1000, "a week counted from the CT"),
    "FVC": (100, 10_000, "a forced vital capacity in ml"),
    "Percent": (1, 400, "a percentage of the typical FVC"),
    "Age": (1, 120, "an age in years"),
}
SAME_FOR_A_PATIENT = ("Age", "Sex", "SmokingStatus")
FIRST_WEEK, LAST_WEEK = -12, 133  # of Kaggle's sample submission


def read_visits(path: Path) -> pd.DataFrame:
    """Read `train.csv` or `test.csv`.

    Returns:
        One row a visit: `patient`, `visit` (0 is the baseline), `week` (int), `fvc_ml`, `percent`, `age_years`, `sex`
        and `smoking`; patients in the file's order, their visits in order of time. Where a week has two visits, the
        file's order decides, so that the first of them is the baseline the other a later visit with no time between.

    Raises:
        UserError: with every fault of the file.
    """
    table = read_table(path, VISIT_COLUMNS)
    numbers, faults = {}, _empty_cells(table, "Patient")
    if table.empty:
        faults.append(Fault(str(path), "has no visit", "Download the file again"))
    for column in RANGES:
        numbers[column], not_numbers = to_numbers(table, column, str(path))
        faults += not_numbers + _out_of_range(numbers[column], column, table, str(path))
    faults += _fractions(numbers["Weeks"], table, str(path))
    for column, choices in CHOICES.items():
        faults += _unknown_choices(table, column, choices)
    faults += [fault for column in SAME_FOR_A_PATIENT for fault in _contradictions(table, column)]
    if faults:
        raise UserError(faults)
    return _in_time(
        pd.DataFrame(
            {
                "patient": table["Patient"],
                "week": numbers["Weeks"].astype(np.int64),
                "fvc_ml": numbers["FVC"],
                "percent": numbers["Percent"],
                "age_years": numbers["Age"],
                "sex": table["Sex"],
                "smoking": table["SmokingStatus"],
            }
        )
    )


def read_sample(path: Path) -> pd.DataFrame:
    """Read the ids of `sample_submission.csv`: `patient` and `week` (int), in the file's order.

    Raises:
        UserError: an id is not `<Patient>_<week>`, or stands there twice.
    """
    table = read_table(path, ("Patient_Week",))
    ids = table["Patient_Week"]
    weeks = ids.map(lambda id_: id_.rpartition("_")[2])
    patients = ids.map(patient_of)
    good = weeks.str.fullmatch(r"-?\d{1,4}") & (patients != "")
    faults = [
        Fault(place(str(path), row, "Patient_Week"), f"{ids[row]!r} is no id", "Write <Patient>_<week>, a whole week")
        for row in np.flatnonzero(~good)
    ]
    faults += sample_faults(table, "Patient_Week", path)
    if faults:
        raise UserError(faults)
    return pd.DataFrame({"patient": patients, "week": weeks.astype(np.int64)})


def every_week(patients: Iterable[str]) -> pd.DataFrame:
    """The rows of Kaggle's sample for these patients: weeks −12 to 133, week by week."""
    weeks = range(FIRST_WEEK, LAST_WEEK + 1)
    rows = [(patient, week) for week in weeks for patient in patients]
    return pd.DataFrame(rows, columns=["patient", "week"])


def scan_folders(folder: Path, patients: Iterable[str]) -> dict[str, Path]:
    """The scan of each patient that has a folder in Kaggle's `train` or `test` folder, see `folders_of`."""
    return folders_of(patients, folder)


class HiddenTest(NamedTuple):
    """Training data cut in two, in Kaggle's columns; only Kaggle would have the `solution`."""

    train: pd.DataFrame
    test: pd.DataFrame
    sample: pd.DataFrame
    solution: pd.DataFrame


def cut_hidden_test(train_csv: Path, patients: Sequence[str]) -> HiddenTest:
    """Hide all but the first visit of some patients of a `train.csv`.

    Returns:
        `train` without them; `test`, their first visits; `sample` with weeks −12 to 133 (and beyond where they
        were seen); `solution`, their last three visits.

    Raises:
        UserError: the file has faults, or a patient is not in it.
    """
    visits = read_visits(train_csv)
    unknown = sorted(set(patients) - set(visits["patient"]))
    if unknown:
        raise UserError(
            Fault(str(train_csv), f"has no patient {name!r}", "Choose patients from this file") for name in unknown
        )
    hidden = visits["patient"].isin(patients)
    test = visits[hidden & (visits["visit"] == 0)]
    weeks = range(min(FIRST_WEEK, visits["week"].min()), max(LAST_WEEK, visits["week"].max()) + 1)
    requested = pd.DataFrame(
        [(patient, week) for week in weeks for patient in test["patient"]], columns=["Patient", "Weeks"]
    )
    solution = read_solution(train_csv)
    return HiddenTest(
        train=_as_kaggle(visits[~hidden]),
        test=_as_kaggle(test),
        sample=pd.DataFrame({"Patient_Week": row_ids(requested), "FVC": 2000, "Confidence": 100}),
        solution=solution[solution["Patient_Week"].map(patient_of).isin(patients)].reset_index(drop=True),
    )


def _in_time(visits: pd.DataFrame) -> pd.DataFrame:
    order = visits["patient"].map({name: number for number, name in enumerate(visits["patient"].unique())})
    in_time = visits.assign(order=order).sort_values(["order", "week"], kind="stable", ignore_index=True)
    in_time.insert(1, "visit", in_time.groupby("order").cumcount())
    return in_time.drop(columns="order")


def _as_kaggle(visits: pd.DataFrame) -> pd.DataFrame:
    columns = ["patient", "week", "fvc_ml", "percent", "age_years", "sex", "smoking"]
    table = visits[columns].set_axis(list(VISIT_COLUMNS), axis=1).reset_index(drop=True)
    return table.astype({"FVC": int, "Age": int}) if _whole(table, ("FVC", "Age")) else table


def _whole(table: pd.DataFrame, columns: Sequence[str]) -> bool:
    return bool((table[list(columns)] % 1 == 0).to_numpy().all())


def _empty_cells(table: pd.DataFrame, column: str) -> list[Fault]:
    file = table.attrs["file"]
    return [Fault(place(file, row, column), "is empty", "Fill it in") for row in np.flatnonzero(table[column] == "")]


def _out_of_range(values: np.ndarray, column: str, table: pd.DataFrame, file: str) -> list[Fault]:
    low, high, meaning = RANGES[column]
    return [
        Fault(
            place(file, row, column), f"{table[column].iloc[row]!r} is not {meaning}", f"Write one of {low} to {high}"
        )
        for row in np.flatnonzero((values < low) | (values > high))
    ]


def _fractions(weeks: np.ndarray, table: pd.DataFrame, file: str) -> list[Fault]:
    return [
        Fault(place(file, row, "Weeks"), f"{table['Weeks'].iloc[row]!r} is not a whole week", "Round it")
        for row in np.flatnonzero(np.isfinite(weeks) & (weeks % 1 != 0))
    ]


def _unknown_choices(table: pd.DataFrame, column: str, choices: Sequence[str]) -> list[Fault]:
    file = table.attrs["file"]
    return [
        Fault(place(file, row, column), f"{table[column].iloc[row]!r} is not known", f"Write {' or '.join(choices)}")
        for row in np.flatnonzero(~table[column].isin(choices))
    ]


def _contradictions(table: pd.DataFrame, column: str) -> list[Fault]:
    """Rows that contradict their patient's first row."""
    file = table.attrs["file"]
    first = table.groupby("Patient")[column].transform("first")
    return [
        Fault(
            place(file, row, column),
            f"{table[column].iloc[row]!r}, but {first.iloc[row]!r} in the patient's first row",
            "Make them agree",
        )
        for row in np.flatnonzero(table[column] != first)
    ]
