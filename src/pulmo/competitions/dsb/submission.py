"""The Data Science Bowl's submission format, `id,cancer`: text ↔ numbers, solution, metric, blend."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from pulmo.blending.probabilities import blend_probabilities
from pulmo.errors import Fault
from pulmo.protocols import BlendParameter, Patients
from pulmo.scoring import log_loss
from pulmo.scoring.probabilities import probability_table, read_labels, to_probabilities

ID, COLUMN = "id", "cancer"

score = partial(log_loss.score, column=COLUMN)

BLEND_PARAMETERS: Mapping[str, BlendParameter] = {}  # weights are all that a blend of probabilities needs


def check_predictions(submission: pd.DataFrame) -> list[Fault]:
    """A fault for each cell that is no probability."""
    return to_probabilities(submission, [COLUMN])[1]


def to_submission(predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions (`id` and `probability`) as Kaggle's table, in the same order; see `probability_table`."""
    return probability_table(predictions["id"].to_list(), predictions[["probability"]].to_numpy(), ID, [COLUMN])


def patients(table: pd.DataFrame, data: Path | None) -> Patients:
    """The patient of each row: an id of Kaggle's files is a patient."""
    return Patients(table["id"])


def read_solution(path: Path) -> pd.DataFrame:
    """A solution, such as `stage1_solution.csv`, or a `stage1_labels.csv`.

    Returns:
        `id` (text) and `cancer` (0 or 1).

    Raises:
        UserError: no such file, a missing column, a label that is neither 0 nor 1, or an id twice.
    """
    return read_labels(path, ID, [COLUMN])


def blend(tables: Sequence[pd.DataFrame], weights: Sequence[float]) -> pd.DataFrame:
    """Weighted means of logits; see `blend_probabilities`."""
    return blend_probabilities(tables, weights, ID, [COLUMN])
