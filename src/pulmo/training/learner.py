"""A network as it learns: augmentation before it and the loss behind it, one compiled step under any backend."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

Measure = Callable[[Any, Any], Any]
"""(target, prediction) of a batch → how right each is, (batch,); it is watched, nothing is learned by it."""


class Learner(keras.Model):
    """Takes whole batches of `sequences.gather`; the target travels with the input, so that both can be moved alike."""

    def __init__(
        self, network: Any, objective: Any, augment: Any = None, measures: Mapping[str, Measure] | None = None
    ) -> None:
        """`network` maps `inputs` to predictions; `objective` is a Keras loss; `augment` a layer: batch → batch."""
        # In float32, or the target would be rounded to half precision on its way through.
        super().__init__(dtype="float32", name="learner")
        self.network, self.objective, self.augment = network, objective, augment
        self._measures = dict(measures or {})
        self._means = [keras.metrics.Mean(name=name) for name in self._measures]

    def build(self, _: Any) -> None:
        """Nothing: the network has been built."""
        self.built = True

    def call(self, batch: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """A batch → prediction, and the target and weight that belong to it."""
        if training and self.augment is not None:
            batch = self.augment(batch)
        return {
            "prediction": self.network(batch["inputs"], training=training),
            "target": batch["target"],
            "weight": batch["weight"],
        }

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The objective, and what the network's layers add to it."""
        loss = self.objective(y_pred["target"], y_pred["prediction"], sample_weight=y_pred["weight"])
        return sum(self.losses, start=loss)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """The measures' means so far, beside the loss's."""
        for mean, measure in zip(self._means, self._measures.values(), strict=True):
            mean.update_state(measure(y_pred["target"], y_pred["prediction"]))
        return dict(self.get_metrics_result())
