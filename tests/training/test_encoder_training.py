"""A frozen encoder does not move; a thawed one moves by its share of the learning rate."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pulmo.training import loop
from pulmo.training.checkpoints import Values, save_progress, values_of
from pulmo.training.data import Rows, TrainingBatches
from pulmo.training.device import computing_on
from pulmo.training.loop import Schedule, Trainer
from pulmo.training.scaled_adamw import ScaledAdamW

SCHEDULE = Schedule(
    epochs=3, steps=2, learning_rate=0.01, warm_up_epochs=0, weight_decay=0.01, ema_decay=0.0, patience=9
)
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(16, 6)).astype(np.float32)
ROWS = Rows({"image": IMAGES}, RNG.normal(size=(16, 1)).astype(np.float32))


def with_encoder(seed: int = 0) -> Any:
    """A batch-normalised encoder and a head."""
    keras.utils.set_random_seed(seed)
    image, x = keras.Input((6,), name="image"), keras.Input((6,))
    features = keras.layers.BatchNormalization(momentum=0.5)(keras.layers.Dense(4)(x))
    encoded = keras.Model(x, features, name="encoder")(image)
    return keras.Model({"image": image}, keras.layers.Dense(1, name="head")(encoded))


def train(schedule: Schedule, checkpoint: Path, trainer: Trainer | None = None) -> tuple[Any, Values]:
    trainer = trainer or Trainer(with_encoder(), keras.losses.MeanSquaredError(), schedule)
    batches = TrainingBatches(ROWS, 8, seed=1, steps=schedule.steps)
    history = trainer.fit(values_of(with_encoder(7).variables), batches, checkpoint)
    return trainer.network, [history["loss"].to_numpy(), *values_of(trainer.network.weights)]


def encoder_of(network: Any) -> Values:
    return values_of(network.get_layer("encoder").weights)


def same(first: Values, second: Values) -> list[bool]:
    return [np.array_equal(one, other) for one, other in zip(first, second, strict=True)]


def test_a_frozen_encoder_keeps_weights_and_statistics_then_all_of_it_moves(tmp_path: Path) -> None:
    start = with_encoder(7)
    with computing_on("cpu"):
        frozen, _ = train(SCHEDULE._replace(frozen_epochs=3), tmp_path / "frozen.npz")
        assert all(same(encoder_of(frozen), encoder_of(start)))
        assert not any(same(frozen.get_layer("head").get_weights(), start.get_layer("head").get_weights()))
        thawed, _ = train(SCHEDULE._replace(frozen_epochs=2), tmp_path / "thawed.npz")
    # All but the bias before batch normalisation, which takes it away again: its gradient is 0 but for rounding.
    assert not any(same(encoder_of(thawed), encoder_of(start)))


def test_both_parts_have_the_whole_schedule(tmp_path: Path) -> None:
    with computing_on("cpu"):
        schedule = SCHEDULE._replace(epochs=4, frozen_epochs=2)
        trainer = Trainer(with_encoder(), keras.losses.MeanSquaredError(), schedule)
        history = trainer.fit(values_of(with_encoder(7).variables), TrainingBatches(ROWS, 8, 1, 2), tmp_path / "c.npz")
    # Half a cosine over four steps, of which the second epoch has two: 0.01 · (1 + cos π/2) / 2, then 0; twice.
    assert history["learning_rate"].tolist() == pytest.approx([0.005, 0, 0.005, 0], abs=1e-7)


def test_a_trainer_used_before_freezes_again_and_a_killed_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = SCHEDULE._replace(frozen_epochs=1, encoder_learning_rate=0.5)
    with computing_on("cpu"):
        trainer = Trainer(with_encoder(), keras.losses.MeanSquaredError(), schedule)
        _, whole = train(schedule, tmp_path / "whole.npz", trainer)
        _, again = train(schedule, tmp_path / "again.npz", trainer)
        assert all(same(whole, again))
        for epoch in (1, 2):  # in the frozen part's last, and in the thawed part
            _kill_after(monkeypatch, epoch)
            with pytest.raises(KeyboardInterrupt):
                train(schedule, tmp_path / f"{epoch}.npz")
            monkeypatch.undo()
            _, resumed = train(schedule, tmp_path / f"{epoch}.npz")
            assert all(same(whole, resumed))


def _kill_after(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    def save_then_die(path: Path, progress: Any, variables: Any) -> None:
        save_progress(path, progress, variables)
        if progress.epoch == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0)
    monkeypatch.setattr(loop, "save_progress", save_then_die)


@pytest.mark.parametrize("flat", [True, False])
def test_an_encoder_moves_by_its_share_of_the_rate_by_hand(flat: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "on_cpu", lambda: flat)  # elsewhere weights are updated one by one
    network = with_encoder()
    optimizer = loop._optimizer(SCHEDULE._replace(encoder_learning_rate=0.1), network, epochs=1)
    optimizer.build(network.trainable_variables)
    before = values_of(network.trainable_variables)
    optimizer.apply([keras.ops.full(variable.shape, 0.1) for variable in network.trainable_variables])
    encoder = {id(variable) for variable in network.get_layer("encoder").variables}
    assert len(encoder) == 6
    for variable, old in zip(network.trainable_variables, before, strict=True):
        rate = 0.001 if id(variable) in encoder else 0.01
        # Decay first; then Adam's first step, which is the rate in the gradient's direction.
        np.testing.assert_allclose(variable.numpy(), old * (1 - 0.01 * rate) - rate, rtol=1e-3, atol=1e-6)


def test_equal_factors_are_adamw() -> None:
    pair = [keras.Variable(np.float32([1, -2, 3])), keras.Variable(np.float32([1, -2, 3]))]
    scaled = ScaledAdamW(0.1, 0.02, [1.0], global_clipnorm=0.5)
    plain = keras.optimizers.AdamW(0.1, weight_decay=0.02, global_clipnorm=0.5)
    for optimizer, variable in zip((scaled, plain), pair, strict=True):
        optimizer.build([variable])
        for gradient in ([0.3, -0.1, 2.0], [0.2, 0.4, -1.0]):
            optimizer.apply([keras.ops.convert_to_tensor(np.float32(gradient))])
    np.testing.assert_allclose(pair[0].numpy(), pair[1].numpy(), rtol=1e-6)
