import numpy as np
import pytest

from pulmo.blending.bootstrap import Estimate, bootstrap_mean


def test_whole_groups_are_drawn() -> None:
    # Two groups of four rows, all 0 and all 2: a drawn mean is 0, 1, 1 or 2, of standard deviation √½. If single rows
    # were drawn it would be about 1/√8 = 0.35.
    values, groups = np.repeat([0.0, 2.0], 4), np.repeat(["a", "b"], 4)
    estimate = bootstrap_mean(values, groups)
    assert estimate.mean == 1
    assert estimate.standard_error == pytest.approx(np.sqrt(0.5), abs=0.03)
    assert (estimate.low, estimate.high) == (0, 2)  # a quarter of the draws each


def test_a_group_counts_by_its_rows() -> None:
    estimate = bootstrap_mean(np.array([0.0, 0.0, 0.0, 4.0]), np.array(["a", "a", "a", "b"]))
    assert estimate.mean == 1  # not 2, the mean of the groups' means


def test_a_difference_without_spread_is_sure() -> None:
    assert bootstrap_mean(np.full(6, 0.25), np.array(list("aabbcc"))) == Estimate(0.25, 0.0, 0.25, 0.25)
