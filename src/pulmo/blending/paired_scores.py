"""Two runs compared by the out-of-fold scores of the rows that both have scored."""

from typing import NamedTuple

import pandas as pd

from pulmo.blending.bootstrap import Estimate, paired_mean_gain

CLEAR = 2.0
"""A difference of more standard errors than this is called better or worse."""
BETTER, WORSE, UNCLEAR = "better", "worse", "no clear difference"


class Paired(NamedTuple):
    """The mean score of one run minus that of another, on the same rows.

    Attributes:
        gain: in the metric's own units.
        rows: that both have.
        patients: of these rows.
        unshared: rows that only one of them has.
    """

    gain: Estimate
    rows: int
    patients: int
    unshared: int

    def verdict(self, greater_is_better: bool) -> str:
        """BETTER or WORSE where the difference is clear, else UNCLEAR."""
        if not abs(self.gain.value) > CLEAR * self.gain.standard_error:
            return UNCLEAR
        return BETTER if (self.gain.value > 0) is greater_is_better else WORSE


def pair(scores: pd.DataFrame, reference: pd.DataFrame) -> Paired | None:
    """By how much a run's scores exceed another's; None where they share fewer than two patients.

    Args:
        scores: `row`, `patient` and `score`, see `pulmo.competition.ROW_SCORES`.
        reference: the other run's.
    """
    shared = scores.merge(reference[["row", "score"]], on="row", suffixes=("", "_reference"))
    patient = shared["patient"].to_numpy(str)
    if shared["patient"].nunique() < 2:
        return None
    gain = paired_mean_gain(shared["score"].to_numpy(), shared["score_reference"].to_numpy(), patient)
    unshared = len(scores) + len(reference) - 2 * len(shared)
    return Paired(gain, len(shared), shared["patient"].nunique(), unshared)
