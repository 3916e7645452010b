"""The submission format, an id and a probability for each label: solution, metric, blend."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from pulmo.blending.probabilities import blend_probabilities
from pulmo.competition_template import COMPETITION
from pulmo.errors import Fault
from pulmo.protocols import BlendParameter, Patients
from pulmo.scoring import roc_auc
from pulmo.scoring.patients import patients_of_images
from pulmo.scoring.probabilities import read_labels, to_probabilities

ID, LABELS = COMPETITION.row_id, COMPETITION.submission_columns[1:]
TRAIN_TABLE, PATIENT = "train.csv", "patient_id"

score = partial(roc_auc.score, columns=LABELS)
score_parts = partial(roc_auc.score_parts, columns=LABELS)

BLEND_PARAMETERS: Mapping[str, BlendParameter] = {}  # weights are all that a blend of probabilities needs


def check_predictions(submission: pd.DataFrame) -> list[Fault]:
    """A fault for each cell that is no probability."""
    return to_probabilities(submission, LABELS)[1]


def patients(table: pd.DataFrame, data: Path | None) -> Patients:
    """The patient of each row, by the training table."""
    return patients_of_images(table[ID], data, TRAIN_TABLE, PATIENT)


def read_solution(path: Path) -> pd.DataFrame:
    """A solution, or the training table: the id and a label a column, 0 or 1. Raises UserError with every fault."""
    return read_labels(path, ID, LABELS)


def blend(tables: Sequence[pd.DataFrame], weights: Sequence[float]) -> pd.DataFrame:
    """Weighted means of logits; see `blend_probabilities`."""
    return blend_probabilities(tables, weights, ID, LABELS)
