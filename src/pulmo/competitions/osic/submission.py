"""OSIC's submission format, `Patient_Week,FVC,Confidence`: text ↔ numbers, solution, metric, blend."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.blending.parameters import shares_of
from pulmo.errors import UserError
from pulmo.protocols import BlendParameter, Patients
from pulmo.scoring import laplace
from pulmo.scoring.tables import read_table, to_numbers

score = laplace.score
check_predictions = laplace.check_predictions

BLEND_PARAMETERS: Mapping[str, BlendParameter] = {}  # weights are all that a blend of numbers needs
DECIMALS = 3  # of written millilitres: all digits of a float64 would show its rounding
SCORED_VISITS = 3  # the competition scores each patient's last three visits


def to_submission(predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions (`Patient`, `Weeks`, `FVC` and `Confidence` in ml) as Kaggle's table, in the same order."""
    return pd.DataFrame(
        {
            "Patient_Week": row_ids(predictions),
            "FVC": predictions["FVC"].round(DECIMALS),
            "Confidence": predictions["Confidence"].round(DECIMALS),
        }
    )


def row_ids(visits: pd.DataFrame) -> pd.Series:
    """`<Patient>_<Weeks>` of each row."""
    return visits["Patient"] + "_" + visits["Weeks"].astype(int).astype(str)


def patient_of(row_id: str) -> str:
    """The patient of a `Patient_Week`; the week, which may be negative, follows the last underscore."""
    return row_id.rpartition("_")[0]


def patients(table: pd.DataFrame, data: Path | None) -> Patients:
    """The patient of each row, which its id names."""
    return Patients(table["Patient_Week"].map(patient_of))


def read_solution(path: Path) -> pd.DataFrame:
    """A solution: a `Patient_Week,FVC` file, or a `train.csv`, of which each patient's last three visits are kept (that
    is among its `notes_of`).

    Returns:
        `Patient_Week` (text) and `FVC` (ml).

    Raises:
        UserError: no such file, a missing column, or an FVC or week that is no number.
    """
    table = read_table(path, ())
    if "Patient_Week" not in table:
        table = read_table(path, ("Patient", "Weeks", "FVC"))
        weeks, faults = to_numbers(table, "Weeks", str(path))
        if faults:
            raise UserError(faults)
        table, notes = _last_visits(table.assign(Weeks=weeks)), [_note(path)]
    else:
        table, notes = read_table(path, ("Patient_Week", "FVC")), []
    fvc_ml, faults = to_numbers(table, "FVC", str(path))
    if faults:
        raise UserError(faults)
    solution = table[["Patient_Week"]].assign(FVC=fvc_ml).reset_index(drop=True)
    solution.attrs["notes"] = [*solution.attrs.get("notes", []), *notes]
    return solution


def _note(path: Path) -> str:
    return (
        f"{path} is a table of all visits: only each patient's last {SCORED_VISITS} count, never the first. It does "
        "not judge a model that was trained on it, which has seen the answers"
    )


def _last_visits(visits: pd.DataFrame) -> pd.DataFrame:
    """Each patient's last three visits; never the first one, which the competition shows."""
    in_time = visits.sort_values("Weeks", kind="stable")
    later = in_time[in_time.duplicated("Patient")]
    last = later.groupby("Patient", sort=False).tail(SCORED_VISITS)
    return last.assign(Patient_Week=row_ids(last))


def blend(tables: Sequence[pd.DataFrame], weights: Sequence[float]) -> pd.DataFrame:
    """Weighted FVC and Confidence of several submissions with the same ids.

    Args:
        tables: submissions, whose cells have been checked; ids in any order.
        weights: one a table, not negative; they are divided by their sum.

    Returns:
        A submission in the order of the first table, rounded to DECIMALS.
    """
    ids = tables[0]["Patient_Week"]
    share = shares_of(weights)
    cells = np.stack([_cells(table).loc[ids].to_numpy() for table in tables])
    mean = np.tensordot(share, cells, axes=1).round(DECIMALS)
    return pd.DataFrame({"Patient_Week": ids.to_numpy(), "FVC": mean[:, 0], "Confidence": mean[:, 1]})


def _cells(table: pd.DataFrame) -> pd.DataFrame:
    cells: pd.DataFrame = table.set_index("Patient_Week")[["FVC", "Confidence"]].apply(pd.to_numeric)
    return cells
