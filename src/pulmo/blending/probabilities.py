"""Submissions of probabilities combined."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pulmo.blending.parameters import shares_of
from pulmo.models.logits import logit, sigmoid
from pulmo.scoring.probabilities import CLIP, probability_table


def blend_probabilities(
    tables: Sequence[pd.DataFrame], weights: Sequence[float], row_id: str, columns: Sequence[str]
) -> pd.DataFrame:
    """Weighted means of the logits of several submissions with the same ids.

    Logits, because evidence adds up there: a mean of probabilities would pull a confident file towards one half.

    Args:
        tables: submissions, whose cells have been checked; ids in any order.
        weights: one a table, not negative; they are divided by their sum.
        row_id: the id column.
        columns: of probabilities.

    Returns:
        A submission in the order of the first table.
    """
    ids = tables[0][row_id]
    cells = np.stack(
        [table.set_index(row_id)[list(columns)].loc[ids].apply(pd.to_numeric).to_numpy(np.float64) for table in tables]
    )
    mean = np.tensordot(shares_of(weights), logit(cells, CLIP), axes=1)
    return probability_table(ids.to_list(), sigmoid(mean), row_id, columns)
