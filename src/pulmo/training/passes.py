"""A network's ways through its batches: once to learn from them, to be judged by them, or to say what it thinks.

On GPUs by Keras' own loops, which work ahead. On the CPU batch by batch: the loops feed TensorFlow from another thread,
which then takes part in the computing, and about one step in 300 came to differ in its last bit.
"""

from typing import Any

import numpy as np

from pulmo.training.device import on_cpu
from pulmo.training.sequences import OrderedBatches, TrainingBatches


def train(learner: Any, batches: TrainingBatches) -> dict[str, float]:
    """One epoch; the means of its `loss` and of the learner's measures."""
    if not on_cpu():
        # One call an epoch: what is compiled stays, and between the calls weights are ours under every backend.
        history = learner.fit(batches, epochs=1, verbose=0, shuffle=False).history
        return {name: float(values[0]) for name, values in history.items()}
    learner.reset_metrics()
    for number in range(len(batches)):
        found = learner.train_on_batch(*batches[number], return_dict=True)
    return {name: float(value) for name, value in found.items()}


def evaluate(learner: Any, batches: OrderedBatches) -> dict[str, float]:
    """The same of all rows, from which nothing is learned."""
    if not on_cpu():
        found = learner.evaluate(batches, verbose=0, return_dict=True)
    else:
        learner.reset_metrics()
        for number in range(len(batches)):
            found = learner.test_on_batch(*batches[number], return_dict=True)
    return {name: float(value) for name, value in found.items()}


def predict(network: Any, batches: OrderedBatches) -> Any:
    """What a network of one output says of every row, in order: (rows, …); of several, a list or dict of these."""
    if not on_cpu():
        return network.predict(batches, verbose=0)
    said = [network.predict_on_batch(*batches[number]) for number in range(len(batches))]
    if isinstance(said[0], dict):
        return {name: np.concatenate([part[name] for part in said]) for name in said[0]}
    if isinstance(said[0], list | tuple):
        return [np.concatenate(parts) for parts in zip(*said, strict=True)]
    return np.concatenate(said)
