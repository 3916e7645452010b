"""A frozen encoder does not move; a thawed one moves by its share of the learning rate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pulmo.models.encoders import features_of
from pulmo.training import loop
from pulmo.training.augment import Augment, Augmentation
from pulmo.training.checkpoints import Values, save_progress, values_of
from pulmo.training.cross_validation import NetworkTrainer
from pulmo.training.data import Rows, TrainingBatches, shuffled
from pulmo.training.device import computing_on
from pulmo.training.frozen_features import FrozenFeatures
from pulmo.training.inference import OutputPredictor
from pulmo.training.loop import Schedule, Trainer, predict
from pulmo.training.scaled_adamw import ScaledAdamW
from pulmo.training.settings import EncoderNetworkConfig, TrainingConfig
from pulmo.training.tasks import Dataset, ImageTask

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


@pytest.mark.slow
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
    pair = [keras.Variable(np.array([1, -2, 3], np.float32)) for _ in range(2)]
    scaled = ScaledAdamW(0.1, 0.02, [1.0], global_clipnorm=0.5)
    plain = keras.optimizers.AdamW(0.1, weight_decay=0.02, global_clipnorm=0.5)
    for optimizer, variable in zip((scaled, plain), pair, strict=True):
        optimizer.build([variable])
        for gradient in ([0.3, -0.1, 2.0], [0.2, 0.4, -1.0]):
            optimizer.apply([keras.ops.convert_to_tensor(np.array(gradient, np.float32))])
    np.testing.assert_allclose(pair[0].numpy(), pair[1].numpy(), rtol=1e-6)


PIXELS = 32


def encoder_network(seed: int = 0) -> Any:
    """A small encoder of images, as `models.encoders` names its layers, and a head with batch normalisation."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((PIXELS, PIXELS), dtype="uint8", name="image")
    inner = keras.Input((PIXELS, PIXELS, 1))
    pooled = keras.layers.AveragePooling2D(16)(keras.layers.Conv2D(3, 3, padding="same")(inner))
    x = keras.layers.Rescaling(1 / 255)(keras.layers.Reshape((PIXELS, PIXELS, 1))(image))
    features = keras.layers.Identity(name="encoder_4")(keras.Model(inner, pooled, name="encoder")(x, training=False))
    x = keras.layers.BatchNormalization(momentum=0.5)(keras.layers.Flatten()(features))
    return keras.Model({"image": image}, keras.layers.Dense(1)(x))


@dataclass(frozen=True)
class MeanTask(ImageTask):
    """The mean grey level of an image."""

    config: TrainingConfig
    target: np.ndarray

    def network(self, inputs: Any, note: Any) -> Any:
        return encoder_network

    def loss(self) -> Any:
        return keras.losses.MeanSquaredError()

    def metrics(self) -> Any:
        return {}

    def predictor(self, network: Any) -> Any:
        return OutputPredictor(network, "mean")


STILL = {"flip": False, "rotation": 0.0, "zoom": 0.0, "shift": 0.0, "contrast": 0.0, "brightness": 0.0}
VALUES = {"batch": 8, "epochs": 3, "learning_rate": 0.02, "ema_decay": 0.0, "encoder_weights": Path("given")}


def mean_task(**values: Any) -> tuple[Dataset, MeanTask]:
    images = np.random.default_rng(3).integers(0, 256, (24, PIXELS, PIXELS), np.uint8)
    config = EncoderNetworkConfig.model_validate({**VALUES, "frozen_epochs": 3, **values})
    dataset = Dataset({"image": images}, np.arange(24) % 2)
    return dataset, MeanTask(config, images.mean((1, 2), dtype=np.float32)[:, None] / 255)


def weights_without_fold(folder: Path, **values: Any) -> tuple[Values, np.ndarray]:
    dataset, task = mean_task(**values)
    folder.mkdir()
    trainer = NetworkTrainer(dataset, task, seed=2)
    trainer.train(dataset.fold == 1, 0, folder / "checkpoint.npz")
    return values_of(trainer.network.weights), trainer.predict()["mean"]


def test_features_computed_once_train_the_same_network(tmp_path: Path) -> None:
    with computing_on("cpu"):
        once, predicted = weights_without_fold(tmp_path / "once", frozen_views=1, **STILL)
        every, expected = weights_without_fold(tmp_path / "every", frozen_views=0, **STILL)
    for one, other in zip(once, every, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)  # features are kept in half precision
    np.testing.assert_allclose(predicted, expected, atol=5e-3)


def test_views_are_the_image_and_augmented_copies_with_their_targets() -> None:
    masks = np.zeros((20, PIXELS, PIXELS), np.uint8)
    masks[:, :, :8] = 255  # bright on the left
    augment = Augment(Augmentation(flip_left_right=True), "yx", seed=0, target="mask")
    with computing_on("cpu"):
        network = encoder_network()
        frozen = FrozenFeatures(network, Rows({"image": masks}, masks), augment, views=3)
        rows, target = frozen.rows, np.asarray(frozen.rows.target)
        whole = predict(keras.Model(network.input, features_of(network)), Rows({"image": target}), 10)
    assert rows.length == 60
    np.testing.assert_array_equal(target[:20], masks)
    mirrored = (target[20:] == masks[:1, :, ::-1]).all((1, 2))
    assert 5 < mirrored.sum() < 35
    # Features and target of a view are of the same mirrored or not mirrored image.
    np.testing.assert_allclose(rows.inputs["encoder_4"], whole["encoder_4"], atol=1e-3)
    order = frozen.sampler(shuffled(np.arange(5)))(np.random.default_rng(0), 0)
    assert sorted(order % 20) == [0, 1, 2, 3, 4]
    assert len(set(order // 20)) > 1
