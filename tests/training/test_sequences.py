from pathlib import Path

import numpy as np
import pytest

from pulmo.training.sequences import OrderedBatches, Rows, TrainingBatches


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
    dealt = rows_of(TrainingBatches(rows, 4, seed=0))
    assert [len(batch) for batch in dealt] == [4, 4, 4]
    assert sorted([row for batch in dealt for row in batch][:10]) == list(range(10))


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
