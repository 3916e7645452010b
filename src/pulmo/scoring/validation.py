"""Checks a submission against Kaggle's format: columns, ids and values."""

from collections.abc import Callable, Sequence

import pandas as pd

from pulmo.errors import Fault, ParticipantVisibleError
from pulmo.scoring.ids import SAME_STAGE, id_faults
from pulmo.scoring.tables import name_of, require_columns


def validate(
    submission: pd.DataFrame,
    sample: pd.DataFrame,
    columns: Sequence[str],
    check_predictions: Callable[[pd.DataFrame], list[Fault]],
) -> None:
    """Check a submission against the sample submission.

    Args:
        submission: as read from the file.
        sample: Kaggle's sample submission; the submission must have the same ids, each once.
        columns: the submission's columns, the id first; no other is allowed.
        check_predictions: the competition's check of the values.

    Raises:
        ParticipantVisibleError: lists all faults.
    """
    file = name_of(submission, "submission")
    faults = require_columns(submission, columns, file)
    if not faults:
        extra = [column for column in submission.columns if column not in columns]
        faults += [Fault(file, f"has an unexpected column {column!r}", "Remove it") for column in extra]
        faults += id_faults(submission, sample, columns[0], f"{SAME_STAGE}: --sample gives the sample submission")
        faults += check_predictions(submission)
    if faults:
        raise ParticipantVisibleError(faults)
