import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulmo.training.sampler import PositiveShare, a_few, evenly

RNG = np.random.default_rng


def test_evenly_each_row_comes_once() -> None:
    rows = np.array([3, 5, 8])
    assert sorted(evenly(rows)(RNG(0), 0)) == [3, 5, 8]


def test_the_share_relaxes_to_what_there_is() -> None:
    rows = np.arange(100, 200)
    positive = rows < 120
    sampler = PositiveShare(rows, positive, first=0.8, epochs=5)
    drawn = [sampler(RNG(epoch), epoch) for epoch in range(7)]
    assert [(epoch < 120).sum() for epoch in drawn] == [80, 65, 50, 35, 20, 20, 20]
    assert all(len(epoch) == 100 for epoch in drawn)
    # Then, and as long as there are enough of a kind, no row comes twice.
    assert sorted(drawn[-1]) == rows.tolist()
    negative = drawn[0][drawn[0] >= 120]
    assert len(set(negative)) == len(negative) == 20
    counts = np.bincount(drawn[0][drawn[0] < 120] - 100)
    assert counts.tolist() == [4] * 20


@given(st.integers(1, 40), st.integers(0, 40), st.floats(0, 1), st.integers(1, 9), st.integers(0, 12))
def test_as_many_as_there_are_and_evenly_repeated(
    count: int, positives: int, first: float, epochs: int, epoch: int
) -> None:
    rows = np.arange(count) * 2
    positive = np.arange(count) < positives
    drawn = PositiveShare(rows, positive, first, epochs)(RNG(0), epoch)
    assert len(drawn) == count
    assert set(drawn) <= set(rows)
    for kind in (rows[positive], rows[~positive]):
        times = [(drawn == row).sum() for row in kind]
        assert max(times, default=0) - min(times, default=0) <= 1


@pytest.mark.parametrize("kind", [True, False])
def test_of_one_kind_all_are_drawn(kind: bool) -> None:
    drawn = PositiveShare(np.arange(5), np.full(5, kind), 0.5, 3)(RNG(0), 0)
    assert sorted(drawn) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("there", "learned", "drawn"), [(30, 100, 30), (100, 100, 48), (1000, 3000, 300)])
def test_a_few_of_those_held_out_are_watched(there: int, learned: int, drawn: int) -> None:
    held_out = np.arange(5, 5 + there)
    few = a_few(held_out, learned)
    assert len(few) == drawn
    assert (np.diff(few) > 0).all()
    assert np.isin(few, held_out).all()
