"""A network's ways through its batches: once to learn from them, to be judged by them, or to say what it thinks.

On GPUs by Keras' own loops, which work ahead. On the CPU batch by batch: the loops feed TensorFlow from another thread,
which then takes part in the computing, and about one step in 300 came to differ in its last bit.
"""

import math
from typing import Any

import numpy as np
from keras import tree

from pulmo.errors import DivergedError
from pulmo.training.device import on_cpu
from pulmo.training.sequences import OrderedBatches, Rows, TrainingBatches


def train(learner: Any, batches: TrainingBatches) -> dict[str, float]:
    """One epoch; the means of its `loss` and of the learner's measures."""
    if not on_cpu():
        # One call an epoch: what is compiled stays, and between the calls weights are ours under every backend.
        history = learner.fit(batches, epochs=1, verbose=0, shuffle=False).history
        return {name: float(values[0]) for name, values in history.items()}
    return _mean_by_batch(learner, learner.train_on_batch, batches)


def evaluate(learner: Any, batches: OrderedBatches) -> dict[str, float]:
    """The same of all rows, from which nothing is learned."""
    if not on_cpu():
        found = learner.evaluate(batches, verbose=0, return_dict=True)
        return {name: float(value) for name, value in found.items()}
    return _mean_by_batch(learner, learner.test_on_batch, batches)


def _mean_by_batch(learner: Any, step: Any, batches: TrainingBatches | OrderedBatches) -> dict[str, float]:
    """Means over rows. From Keras 3.15 on, a step tells of its own batch alone; before, of all since the last reset."""
    sums: dict[str, float] = {}
    rows = 0
    for number in range(len(batches)):
        (batch,) = batches[number]
        learner.reset_metrics()
        found, count = step(batch, return_dict=True), len(batch["weight"])
        sums = {name: sums.get(name, 0.0) + count * float(value) for name, value in found.items()}
        rows += count
    return {name: total / rows for name, total in sums.items()}


def predict(network: Any, rows: Rows, batch: int, which: np.ndarray | None = None) -> Any:
    """What a network says of every row, or of those of the numbers `which`, in that order.

    Batches are all of one size, `batch` at the most, because another size is compiled anew: the last is filled up.

    Returns:
        Of a network of one output, (rows, …); of several, a list or dict of these.

    Raises:
        DivergedError: an output is not finite.
    """
    which = np.arange(rows.length) if which is None else which
    if not len(which):
        return tree.map_structure(lambda output: np.zeros((0, *output.shape[1:]), output.dtype), network.output)
    count = math.ceil(len(which) / batch)
    filled = np.resize(which, count * math.ceil(len(which) / count))
    batches = OrderedBatches(rows, len(filled) // count, filled)
    if not on_cpu():
        said = network.predict(batches, verbose=0)
    else:
        parts = [network.predict_on_batch(*batches[number]) for number in range(count)]
        said = tree.map_structure(lambda *outputs: np.concatenate(outputs), *parts)
    said = tree.map_structure(lambda output: output[: len(which)], said)
    if not all(np.isfinite(output).all() for output in tree.flatten(said) if output.dtype.kind == "f"):
        raise DivergedError.of("prediction", "what the network predicts is not finite")
    return said
