"""Two runs paired by row."""

import numpy as np
import pandas as pd
import pytest

from pulmo.blending.bootstrap import Estimate, paired_gain, paired_mean_gain
from pulmo.blending.paired_scores import BETTER, UNCLEAR, WORSE, Paired, pair


def scores(values: list[float], rows: str = "abcdef") -> pd.DataFrame:
    return pd.DataFrame({"row": list(rows), "patient": list(rows), "score": values})


def test_a_constant_gain_is_certain() -> None:
    first = scores([0.1, 0.5, 0.3, 0.9, 0.2, 0.4])
    paired = pair(first.assign(score=first["score"] + 0.25), first)
    assert paired is not None
    assert paired.gain.value == pytest.approx(0.25)
    assert paired.gain.standard_error == pytest.approx(0)
    assert (paired.rows, paired.patients, paired.unshared) == (6, 6, 0)
    assert paired.verdict(greater_is_better=True) == BETTER
    assert paired.verdict(greater_is_better=False) == WORSE


def test_a_gain_that_changes_its_sign_is_not_clear() -> None:
    first = scores([0.0] * 6)
    paired = pair(scores([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]), first)
    assert paired is not None
    assert paired.gain.value == 0
    assert paired.verdict(greater_is_better=True) == UNCLEAR


def test_only_shared_rows_are_paired() -> None:
    first = scores([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    second = scores([2.0, 3.0, 4.0], rows="fez")
    paired = pair(second, first)
    assert paired is not None
    assert paired.gain.value == pytest.approx((2.0 + 3.0) / 2 - (6.0 + 5.0) / 2)
    assert (paired.rows, paired.unshared) == (2, 4 + 1)
    assert pair(scores([1.0], rows="z"), first) is None


def test_rows_that_count_for_one_run_only_enter_its_mean_alone() -> None:
    first, second = scores([1.0, np.nan, 3.0, 1.0, 1.0, 1.0]), scores([1.0, 0.0, 3.0, 1.0, 1.0, np.nan])
    paired = pair(second, first)
    assert paired is not None
    assert paired.gain.value == pytest.approx(6 / 5 - 7 / 5)


def test_it_is_the_bootstrap_of_two_means() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 40, 100)
    ours, theirs = rng.normal(0.2, 1, 100), rng.normal(0, 1, 100)
    quick = paired_mean_gain(ours, theirs, groups)
    slow = paired_gain(lambda rows: float(ours[rows].mean()), lambda rows: float(theirs[rows].mean()), groups)
    assert quick.value == pytest.approx(slow.value)
    assert quick.standard_error == pytest.approx(slow.standard_error, rel=0.05)


@pytest.mark.parametrize(
    ("gain", "error", "verdict"),
    [
        (0.0, 0.0, UNCLEAR),  # a run beside itself
        (0.5, 0.25, UNCLEAR),  # two standard errors exactly
        (0.51, 0.25, BETTER),
        (-0.5, 0.25, UNCLEAR),
        (-0.51, 0.25, WORSE),
        (0.5, np.nan, UNCLEAR),
    ],
)
def test_a_difference_is_clear_beyond_two_standard_errors(gain: float, error: float, verdict: str) -> None:
    paired = Paired(Estimate(gain, error, np.nan, np.nan), 2, 2, 0)
    assert paired.verdict(greater_is_better=True) == verdict
    opposite = {BETTER: WORSE, WORSE: BETTER, UNCLEAR: UNCLEAR}[verdict]
    assert paired.verdict(greater_is_better=False) == opposite


def test_two_patients_are_the_fewest() -> None:
    first = scores([1.0, 2.0, 3.0], rows="abc")
    assert pair(first.assign(patient="a"), first) is None
    two = pair(first.assign(patient=np.array(["a", "a", "b"])), first)
    assert two is not None
    assert (two.rows, two.patients) == (3, 2)
