"""Steps on one vector of weights equal steps weight by weight."""

from typing import Any

import keras
import numpy as np

from pulmo.training.checkpoints import assign, values_of
from pulmo.training.device import computing_on
from pulmo.training.flat_optimizer import FlatOptimizer
from pulmo.training.loop import WarmUpThenCosine

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 6)).astype(np.float32), RNG.normal(size=(12, 2)).astype(np.float32)


def trained(steps: int, *, as_one: bool, network: Any, start: list[np.ndarray]) -> tuple[list[np.ndarray], Any]:
    assign(network.variables, start)
    inner = keras.optimizers.AdamW(WarmUpThenCosine(0.05, 10, 2), weight_decay=0.1, global_clipnorm=0.3)
    optimizer = FlatOptimizer(inner) if as_one else inner
    optimizer.build(network.trainable_variables)
    network.compile(optimizer=optimizer, loss="mse")
    for _ in range(steps):
        network.train_on_batch(X, Y)
    return values_of(network.variables), optimizer


def test_steps_are_those_of_the_wrapped_optimizer() -> None:
    with computing_on("cpu"):
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(5, "relu"), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
        network = keras.Sequential([keras.Input((6,)), *layers])
        start = values_of(network.variables)
        one_by_one, adam = trained(6, as_one=False, network=network, start=start)
        as_one, optimizer = trained(6, as_one=True, network=network, start=start)
    assert max(np.abs(after - before).max() for after, before in zip(as_one, start, strict=True)) > 0.05
    for one, other in zip(as_one, one_by_one, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert int(optimizer.iterations) == int(adam.iterations) == 6
    assert float(optimizer.learning_rate) == float(adam.learning_rate)


def test_its_state_is_the_wrapped_optimizers_too() -> None:
    weight = keras.Variable(np.ones(3, np.float32))
    optimizer = FlatOptimizer(keras.optimizers.Adam(0.1))
    optimizer.build([weight])
    shapes = sorted(tuple(variable.shape) for variable in optimizer.variables)
    # Both count steps; the wrapper's rate is unused; the vector and Adam's two moments are of three weights.
    assert shapes == [(), (), (), (), (3,), (3,), (3,)]


def test_a_weight_without_a_gradient_stays_as_it_is() -> None:
    weights = [keras.Variable(np.full(shape, 2.0, np.float32)) for shape in ((2,), (3,))]
    optimizer = FlatOptimizer(keras.optimizers.SGD(0.5))
    optimizer.build(weights)
    optimizer.apply([keras.ops.ones(2), None])
    np.testing.assert_array_equal(np.asarray(weights[0]), [1.5, 1.5])
    np.testing.assert_array_equal(np.asarray(weights[1]), [2.0, 2.0, 2.0])
