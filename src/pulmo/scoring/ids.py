"""Which rows belong together: the ids of a submission against those of a sample or a solution."""

import numpy as np
import pandas as pd

from pulmo.errors import Fault
from pulmo.scoring.tables import name_of, place


def repeated_ids(submission: pd.DataFrame, row_id: str) -> list[Fault]:
    """A fault for each row of a submission whose id has been there before."""
    ids = submission[row_id].astype(str)
    file = name_of(submission, "submission")
    return [
        Fault(place(file, row, row_id), f"{ids.iloc[row]!r} stands there again", "Keep one row for each id")
        for row in np.flatnonzero(ids.duplicated())
    ]


def missing_ids(submission: pd.DataFrame, wanted: pd.DataFrame, row_id: str) -> list[Fault]:
    """A fault for each id of `wanted` (a sample or a solution) that the submission does not have."""
    present = set(submission[row_id].astype(str))
    ids = wanted[row_id].astype(str)
    file, source = name_of(submission, "submission"), name_of(wanted, "the solution")
    return [
        Fault(file, f"has no row for {row_id} {identity!r}", f"Add it: {source} asks for it")
        for identity in ids[~ids.isin(present)].drop_duplicates()
    ]


def unknown_ids(submission: pd.DataFrame, known: pd.DataFrame, row_id: str) -> list[Fault]:
    """A fault for each row of a submission whose id `known` (a sample or a solution) does not have."""
    ids = submission[row_id].astype(str)
    file, source = name_of(submission, "submission"), name_of(known, "the solution")
    return [
        Fault(place(file, row, row_id), f"{ids.iloc[row]!r} is not asked for", f"Remove the row: {source} lacks it")
        for row in np.flatnonzero(~ids.isin(set(known[row_id].astype(str))))
    ]


def shared_rows(solution: pd.DataFrame, submission: pd.DataFrame, row_id: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both whose ids both have, for `--subset`."""
    both = set(solution[row_id].astype(str)) & set(submission[row_id].astype(str))
    return solution[solution[row_id].astype(str).isin(both)], submission[submission[row_id].astype(str).isin(both)]
