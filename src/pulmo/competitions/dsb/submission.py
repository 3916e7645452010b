"""The cells of the Data Science Bowl's files ↔ numbers: `id,cancer`, what the solution is, how files are combined."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.blending.parameters import BlendParameter, shares_of
from pulmo.errors import Fault, UserError
from pulmo.models.logits import logit, sigmoid
from pulmo.scoring import log_loss
from pulmo.scoring.ids import repeated_ids
from pulmo.scoring.probabilities import to_labels, to_probabilities
from pulmo.scoring.tables import read_table

COLUMN = "cancer"

score = partial(log_loss.score, column=COLUMN)

BLEND_PARAMETERS: Mapping[str, BlendParameter] = {}  # weights are all that a blend of probabilities needs


def check_cells(submission: pd.DataFrame) -> list[Fault]:
    """A fault for each cell that is no probability."""
    return to_probabilities(submission, [COLUMN])[1]


def to_submission(predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions (`id` and `probability`) as Kaggle's table, in the same order.

    With all their digits: a probability rounded to 0 or 1 would cost 34.5 where it is wrong, whatever it was.
    """
    probability = np.clip(predictions["probability"].to_numpy(np.float64), log_loss.CLIP, 1 - log_loss.CLIP)
    return pd.DataFrame({"id": predictions["id"], "cancer": probability})


def group_of(row_id: str) -> str:
    """An id is a patient."""
    return row_id


def read_solution(path: Path) -> pd.DataFrame:
    """A solution, such as `stage1_solution.csv`, or a `stage1_labels.csv`.

    Returns:
        `id` (text) and `cancer` (0 or 1).

    Raises:
        UserError: no such file, a missing column, a label that is neither 0 nor 1, or an id twice.
    """
    table = read_table(path, ("id", COLUMN))
    label, faults = to_labels(table, [COLUMN], str(path))
    faults += repeated_ids(table, "id")
    if faults:
        raise UserError(faults)
    return table[["id"]].assign(cancer=label[:, 0].astype(np.int64))


def blend(tables: Sequence[pd.DataFrame], weights: Sequence[float]) -> pd.DataFrame:
    """Weighted means of the logits of several submissions with the same ids.

    Logits, because evidence adds up there: a mean of probabilities would draw a sure file to one half.

    Args:
        tables: submissions, whose cells have been checked; ids in any order.
        weights: one a table, not negative; they are divided by their sum.

    Returns:
        A submission in the order of the first table.
    """
    ids = tables[0]["id"]
    share = shares_of(weights)
    cells = np.stack([pd.to_numeric(table.set_index("id")[COLUMN].loc[ids]).to_numpy(np.float64) for table in tables])
    blended = pd.DataFrame({"id": ids.to_numpy(), "probability": sigmoid(share @ logit(cells, log_loss.CLIP))})
    return to_submission(blended)
