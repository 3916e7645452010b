from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulmo.training.data import (
    OrderedBatches,
    PositiveShare,
    Rows,
    TrainingBatches,
    monitored_subset,
    shuffled,
)

RNG = np.random.default_rng


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    """Ten 2×2 images on disk, whose pixels, target and number tell the row."""
    np.save(tmp_path / "images.npy", np.arange(10, dtype=np.int16)[:, None, None] * np.ones((1, 2, 2), np.int16))
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    return Rows({"image": images, "number": np.arange(10, dtype=np.float32)}, np.arange(10.0), np.arange(10.0) / 10)


def rows_of(batches: TrainingBatches) -> list[list[int]]:
    return [[int(row) for row in batches[number][0]["target"]] for number in range(len(batches))]


def test_a_batch_holds_the_same_row_of_every_array_in_the_type_it_has_on_disk(rows: Rows) -> None:
    (batch,) = TrainingBatches(rows, 4, seed=0)[1]
    assert batch["inputs"]["image"].dtype == np.int16
    assert batch["inputs"]["image"].shape == (4, 2, 2)
    for row in range(4):
        target = batch["target"][row]
        assert (batch["inputs"]["image"][row] == target).all()
        assert (batch["inputs"]["number"][row], batch["weight"][row]) == (target, target / 10)


def test_each_row_comes_once_an_epoch_and_the_last_batch_is_filled_up(rows: Rows) -> None:
    drawn_rows = rows_of(TrainingBatches(rows, 4, seed=0))
    assert [len(batch) for batch in drawn_rows] == [4, 4, 4]
    assert sorted([row for batch in drawn_rows for row in batch][:10]) == list(range(10))


def test_what_a_batch_holds_follows_from_seed_epoch_and_number(rows: Rows) -> None:
    first, second = TrainingBatches(rows, 5, seed=3), TrainingBatches(rows, 5, seed=3)
    second.start(7)
    assert rows_of(first) != rows_of(second)
    second.start(0)
    assert rows_of(first) == rows_of(second)
    assert rows_of(TrainingBatches(rows, 5, seed=4)) != rows_of(first)


def test_steps_and_sampler_choose_the_rows(rows: Rows) -> None:
    batches = TrainingBatches(rows, 2, seed=0, steps=3, sampler=lambda rng, epoch: np.array([1 + epoch, 8]))
    assert rows_of(batches) == [[1, 8]] * 3
    batches.start(2)
    assert rows_of(batches) == [[3, 8]] * 3


def test_without_weights_all_count_alike(rows: Rows) -> None:
    (batch,) = TrainingBatches(rows._replace(weight=None), 2, seed=0)[0]
    assert batch["weight"].tolist() == [1, 1]


def test_ordered_batches_hold_each_row_once_and_only_what_there_is(rows: Rows) -> None:
    batches = OrderedBatches(Rows(rows.inputs), 4)
    assert [batches[number][0]["number"].tolist() for number in range(len(batches))] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]
    (chosen,) = OrderedBatches(rows, 4, np.array([9, 2]))[0]
    assert chosen["target"].tolist() == [9, 2]


def test_shuffled_each_row_comes_once() -> None:
    rows = np.array([3, 5, 8])
    assert sorted(shuffled(rows)(RNG(0), 0)) == [3, 5, 8]


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


@pytest.mark.parametrize(("there", "trained_on", "drawn"), [(30, 100, 30), (100, 100, 48), (1000, 3000, 300)])
def test_some_held_out_rows_are_monitored(there: int, trained_on: int, drawn: int) -> None:
    held_out = np.arange(5, 5 + there)
    chosen = monitored_subset(held_out, trained_on)
    assert len(chosen) == drawn
    assert (np.diff(chosen) > 0).all()
    assert np.isin(chosen, held_out).all()
