"""The loops batch by batch on the CPU and Keras' own loops, for GPUs, have equal results."""

from typing import Any

import keras
import numpy as np
import pytest

from pulmo.errors import DivergedError
from pulmo.training import loop
from pulmo.training.checkpoints import values_of
from pulmo.training.data import OrderedBatches, Rows, TrainingBatches

IMAGES = np.random.default_rng(0).normal(size=(21, 4)).astype(np.float32)
ROWS = Rows({"image": IMAGES}, IMAGES.sum(axis=1, keepdims=True))


def network_of(heads: str) -> Any:
    keras.utils.set_random_seed(0)
    image = keras.Input((4,), name="image")
    dense = {name: keras.layers.Dense(1, name=name)(image) for name in ("first", "second")}
    outputs = {"one": dense["first"], "several": list(dense.values()), "named": dense}[heads]
    return keras.Model({"image": image}, outputs)


@pytest.mark.parametrize("heads", ["one", "several", "named"])
def test_predictions_keep_the_order_of_rows(heads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(heads)
    rows = Rows({"image": IMAGES})
    batch_by_batch = loop.predict(network, rows, 8)
    monkeypatch.setattr(loop, "on_cpu", lambda: False)
    by_keras = loop.predict(network, rows, 8)
    names = list(by_keras) if heads == "named" else range(len(by_keras) if heads == "several" else 0)
    pairs = [(batch_by_batch[name], by_keras[name]) for name in names] or [(batch_by_batch, by_keras)]
    for one, other in pairs:
        assert one.shape == (21, 1)
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 21])
def test_every_batch_is_of_one_size_and_what_fills_it_up_is_dropped(count: int) -> None:
    network, which = network_of("one"), np.arange(21)[::-1][:count]
    sizes: set[int] = set()
    real = network.predict_on_batch

    def recorded(batch: dict[str, np.ndarray]) -> np.ndarray:
        sizes.add(len(batch["image"]))
        return np.asarray(real(batch))

    network.predict_on_batch = recorded
    predicted = loop.predict(network, Rows({"image": IMAGES}), 8, which)
    assert sizes == {{1: 1, 7: 7, 8: 8, 9: 5, 21: 7}[count]}
    np.testing.assert_allclose(predicted, network({"image": IMAGES[which]}), rtol=1e-5)


@pytest.mark.parametrize("heads", ["one", "several", "named"])
def test_no_rows_have_no_predictions(heads: str) -> None:
    predicted = loop.predict(network_of(heads), Rows({"image": IMAGES[:0]}), 8)
    assert {output.shape for output in keras.tree.flatten(predicted)} == {(0, 1)}


def test_losses_and_what_is_learned_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for on_cpu in (True, False):
        monkeypatch.setattr(loop, "on_cpu", lambda answer=on_cpu: answer)
        network = network_of("one")
        learner = loop.Learner(network, keras.losses.MeanSquaredError())
        learner.compile(optimizer=keras.optimizers.SGD(0.01))
        losses = [loop.train_epoch(learner, TrainingBatches(ROWS, 7, seed=0))["loss"] for _ in range(2)]
        # The last batch is smaller: the mean is over rows, not over batches.
        checked = loop.evaluate(learner, OrderedBatches(ROWS, 8))["loss"]
        predicted = loop.predict(network, Rows({"image": IMAGES}), 8)
        assert checked == pytest.approx(np.mean((predicted - ROWS.target) ** 2), rel=1e-5)
        found.append((losses, values_of(network.weights)))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_prediction_that_is_not_finite_is_an_error() -> None:
    network = network_of("named")
    network.layers[-1].set_weights([np.full((4, 1), np.nan, np.float32), np.zeros(1, np.float32)])
    with pytest.raises(DivergedError, match="what the network predicts is not finite"):
        loop.predict(network, Rows({"image": IMAGES}), 8)
