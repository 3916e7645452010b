"""Training a network small enough for a test: two numbers in, one out."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pulmo.errors import DivergedError
from pulmo.training import loop
from pulmo.training.augment import Augment, Augmentation
from pulmo.training.checkpoints import Values, save_progress, values_of
from pulmo.training.data import OrderedBatches, Rows, TrainingBatches
from pulmo.training.device import computing_on
from pulmo.training.loop import Schedule, Trainer, WarmUpThenCosine

SCHEDULE = Schedule(
    epochs=5, steps=6, learning_rate=0.02, warm_up_epochs=1, weight_decay=0.01, ema_decay=0.5, patience=9
)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(-50, 50, (48, 6, 6)).astype(np.int16)
ROWS = Rows({"image": IMAGES}, IMAGES.mean(axis=(1, 2), dtype=np.float32)[:, None] / 10)


def small_network(seed: int = 0) -> Any:
    keras.utils.set_random_seed(seed)
    image = keras.Input((6, 6), name="image")
    x = keras.layers.Dropout(0.2)(keras.layers.Flatten()(keras.layers.Rescaling(0.1)(image)))
    return keras.Model({"image": image}, keras.layers.Dense(1)(keras.layers.Dense(4, "relu")(x)))


def trainer_of(schedule: Schedule = SCHEDULE) -> Trainer:
    augment = Augment(Augmentation(flip_left_right=True, shift=0.1, brightness=1), "yx", seed=2)
    return Trainer(small_network(), keras.losses.MeanSquaredError(), schedule, augment)


def train(folder: Path, trainer: Trainer | None = None, validation: bool = False, schedule: Schedule = SCHEDULE) -> Any:
    folder.mkdir(exist_ok=True)
    trainer = trainer or trainer_of(schedule)
    batches = TrainingBatches(ROWS, 8, seed=1, steps=schedule.steps)
    checked = OrderedBatches(ROWS, 20, np.arange(30)) if validation else None
    history = trainer.fit(values_of(small_network(7).variables), batches, folder / "checkpoint.npz", checked)
    return history, values_of(trainer.network.weights)


def equal(first: Values, second: Values) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_it_learns_and_records_it(tmp_path: Path) -> None:
    with computing_on("cpu"):
        history, _ = train(tmp_path, validation=True)
    assert history["epoch"].tolist() == [0, 1, 2, 3, 4]
    assert history["loss"].iloc[-1] < 0.7 * history["loss"].iloc[0]
    assert history["best"].sum() == 1
    assert history.loc[history["best"], "validation_loss"].item() == history["validation_loss"].min()
    assert history["learning_rate"].iloc[[0, -1]].tolist() == pytest.approx([0.02, 0], abs=1e-7)


@pytest.mark.parametrize("validation", [False, True])
def test_killed_between_epochs_it_ends_with_equal_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validation: bool
) -> None:
    with computing_on("cpu"):
        history, weights = train(tmp_path / "whole", validation=validation)
        save, saved = save_progress, []

        def save_then_die(*arguments: Any) -> None:
            save(*arguments)
            saved.append(1)
            if len(saved) == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0)
        monkeypatch.setattr(loop, "save_progress", save_then_die)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "killed", validation=validation)
        again, resumed = train(tmp_path / "killed", validation=validation)
    assert len(saved) == SCHEDULE.epochs
    assert history.equals(again)
    assert equal(weights, resumed)


def test_short_epochs_are_not_written_down_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    monkeypatch.setattr(loop, "save_progress", lambda path, progress, variables: saved.append(progress.epoch))
    with computing_on("cpu"):
        train(tmp_path / "whole")
    assert saved == [1]  # all of them take less than ten seconds


def test_a_trainer_used_before_trains_as_a_fresh_one(tmp_path: Path) -> None:
    with computing_on("cpu"):
        trainer = trainer_of()
        first, again, fresh = (
            train(tmp_path / name, which)[1] for name, which in (("a", trainer), ("b", trainer), ("c", None))
        )
    assert equal(first, again)
    assert equal(first, fresh)


def test_weights_are_averaged_over_epochs_by_hand(tmp_path: Path) -> None:
    with computing_on("cpu"):
        plain, averaged = SCHEDULE._replace(ema_decay=0), SCHEDULE._replace(ema_decay=0.5)
        after = [
            train(tmp_path / f"{stop}", schedule=plain._replace(epochs=5), trainer=_stopping(plain, stop))[1]
            for stop in (1, 2, 3)
        ]
        mean = train(tmp_path / "mean", trainer=_stopping(averaged, 3))[1]
    for first, second, third, average in zip(*after, mean, strict=True):
        np.testing.assert_allclose(average, 0.25 * first + 0.25 * second + 0.5 * third, rtol=1e-5, atol=1e-6)


def _stopping(schedule: Schedule, epochs: int) -> Trainer:
    """A trainer with the schedule, that stops before its end."""
    trainer = trainer_of(schedule)
    trainer.schedule = schedule._replace(epochs=epochs)
    return trainer


def test_without_a_better_validation_it_stops_and_keeps_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0, 1.0, 2.0, 2.5, 0.5])  # best after the second epoch
    trainer = trainer_of(SCHEDULE._replace(patience=2))
    seen: list[Values] = []

    def evaluate(*_: Any) -> dict[str, float]:
        seen.append(values_of(trainer.network.weights))
        return {"loss": next(losses)}

    monkeypatch.setattr(loop, "evaluate", evaluate)
    with computing_on("cpu"):
        history, weights = train(tmp_path, trainer, validation=True)
    assert history["validation_loss"].tolist() == [3.0, 1.0, 2.0, 2.5]
    assert history["best"].tolist() == [False, True, False, False]
    assert equal(weights, seen[1])


def test_a_training_that_diverges_names_the_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = loop.train_epoch, []

    def train_then_nan(*arguments: Any) -> dict[str, float]:
        calls.append(1)
        return {**real(*arguments), "loss": float("nan")} if len(calls) == 3 else real(*arguments)

    monkeypatch.setattr(loop, "train_epoch", train_then_nan)
    with (
        computing_on("cpu"),
        pytest.raises(DivergedError, match=r"epoch 3: the training has diverged: the loss is nan"),
    ):
        train(tmp_path)


def test_a_training_whose_numbers_overflow_is_no_random_network(tmp_path: Path) -> None:
    schedule = SCHEDULE._replace(learning_rate=1e30, warm_up_epochs=0)
    with (
        computing_on("cpu"),
        pytest.raises(DivergedError, match=r"epoch 1: .*(loss is (nan|inf)|weight is not finite)"),
    ):
        train(tmp_path, schedule=schedule)


def test_a_validation_that_is_not_finite_chooses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "evaluate", lambda *_: {"loss": float("inf")})
    with computing_on("cpu"), pytest.raises(DivergedError, match=r"epoch 1: .* the validation loss is inf"):
        train(tmp_path, validation=True)


@pytest.mark.parametrize(
    ("step", "rate"),
    # Up in 10 steps, then 40 steps of cosine: a quarter of it is (1 + cos 45°)/2 = 0.853553, half of it 1/2.
    [(0, 0), (5, 0.1), (10, 0.2), (20, 0.2 * 0.8535534), (30, 0.1), (50, 0), (60, 0)],
)
def test_up_in_a_line_down_in_a_cosine(step: int, rate: float) -> None:
    assert float(WarmUpThenCosine(0.2, steps=50, warm_up_steps=10)(step)) == pytest.approx(rate, abs=1e-7)


def test_a_training_shorter_than_its_warm_up_never_stands_still() -> None:
    schedule = WarmUpThenCosine(0.2, steps=4, warm_up_steps=10)
    assert [float(schedule(step)) for step in (0, 3, 4)] == pytest.approx([0, 0.2, 0])


def test_without_warm_up_it_starts_at_the_peak() -> None:
    schedule = WarmUpThenCosine(0.2, steps=40, warm_up_steps=0)
    assert [float(schedule(step)) for step in (0, 20, 40)] == pytest.approx([0.2, 0.1, 0], abs=1e-7)
