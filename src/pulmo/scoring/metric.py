"""What every metric does first: columns, ids and cells of a submission are checked before it is compared."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from pulmo.errors import Fault, ParticipantVisibleError
from pulmo.scoring.ids import SCORE_SUBSET, id_faults
from pulmo.scoring.tables import name_of, require_columns

Predictions = TypeVar("Predictions")


def require_solution_columns(solution: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise ValueError, our mistake and not the participant's, where a solution lacks columns; it names those there."""
    faults = require_columns(solution, columns, name_of(solution, "solution"))
    if faults:
        raise ValueError("\n".join(map(str, faults)))


def checked_predictions(
    submission: pd.DataFrame,
    solution: pd.DataFrame,
    columns: Sequence[str],
    parse: Callable[[pd.DataFrame], tuple[Predictions, list[Fault]]],
    others: bool = False,
) -> Predictions:
    """What a submission predicts, once it is known to have no fault.

    Args:
        submission: as Kaggle hands it to a metric; not changed.
        solution: has the column of ids; these, each once, must be the submission's.
        columns: those that a submission must have, the id first.
        parse: reads its cells: a value of any kind, and a fault for each cell that is wrong.
        others: whether the submission may have ids that the solution does not have.

    Raises:
        ParticipantVisibleError: with every fault of columns, ids and cells.
    """
    faults = require_columns(submission, columns, name_of(submission, "submission"))
    if faults:
        raise ParticipantVisibleError(faults)
    faults = id_faults(submission, solution, columns[0], SCORE_SUBSET, others)
    predictions, wrong_cells = parse(submission)
    if faults or wrong_cells:
        raise ParticipantVisibleError([*faults, *wrong_cells])
    return predictions


def rows_of(solution: pd.DataFrame, submission: pd.DataFrame, row_id: str) -> np.ndarray:
    """The row of the submission for each row of the solution, (solution rows,) int; both are known to have the ids."""
    return np.asarray(pd.Index(submission[row_id].astype(str)).get_indexer(solution[row_id].astype(str)))


def refuse_solution(solution: pd.DataFrame, faults: Sequence[Fault]) -> None:
    """Raise ValueError, our mistake and not the participant's, where a solution has faults or no row."""
    if faults or not len(solution):
        raise ValueError("\n".join(map(str, faults)) or "the solution has no row")
