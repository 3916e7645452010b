"""The training loop: a network, its loss and augmentation compiled once, and trained epoch by epoch.

Learner: one training step under any backend · WarmUpThenCosine: learning rate · train_epoch, evaluate, predict: loops
over batches · Trainer: epochs with averaged weights, early stopping and checkpoints.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from keras import ops, tree

from pulmo.errors import DivergedError
from pulmo.models.encoders import ENCODER
from pulmo.training.checkpoints import Progress, Values, assign, load_progress, save_progress, values_of
from pulmo.training.data import OrderedBatches, Rows, TrainingBatches
from pulmo.training.device import devices, on_cpu, replicated, run_step
from pulmo.training.flat_optimizer import FlatOptimizer
from pulmo.training.scaled_adamw import ScaledAdamW
from pulmo.training.summed_gradients import SummedGradients

MAX_GRADIENT_NORM = 1.0
SECONDS_BETWEEN_CHECKPOINTS = 10
"""An epoch of a small network takes little longer than writing its checkpoint."""

Metric = Callable[[Any, Any], Any]
"""(target, prediction) of a batch → a value an example, (batch,); reported beside the loss."""


class Schedule(NamedTuple):
    """Length and learning rate of a training.

    `learning_rate` is the peak of the schedule over all `epochs` of `steps`, with `warm_up_epochs` at their start;
    `weight_decay` is AdamW's. `ema_decay` is the share of the past in the exponential moving average of the weights,
    taken after each epoch (0: none). The training stops after `patience` epochs without a better validation loss.

    In the first `frozen_epochs` the network's encoder, its layer ENCODER, is not trained; from then on its learning
    rate is multiplied by `encoder_learning_rate`. Both parts have the whole schedule, from warm-up to 0. If all epochs
    are frozen, the encoder's features are computed once, of `frozen_views` of each image, see `frozen_features`; 0: in
    every epoch.
    """

    epochs: int
    steps: int
    learning_rate: float
    warm_up_epochs: int
    weight_decay: float
    ema_decay: float
    patience: int
    frozen_epochs: int = 0
    frozen_views: int = 0
    encoder_learning_rate: float = 1.0


class WarmUpThenCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from 0 to `peak` in the first `warm_up_steps` of `steps`, then half a cosine to 0.

    `keras.optimizers.schedules.CosineDecay` computes the same by branches, which on a GPU run once a weight because of
    weight decay; this is the smaller of two curves.

    Source: Loshchilov and Hutter, ICLR 2017; the warm-up is that of Goyal et al. 2017 (arXiv 1706.02677).
    """

    def __init__(self, peak: float, steps: int, warm_up_steps: int) -> None:
        self._peak, self._steps, self._warm_up_steps = peak, steps, min(warm_up_steps, steps - 1)

    def __call__(self, step: Any) -> Any:
        """The rate at a step, counted from 0; a scalar."""
        step = ops.cast(step, "float32")
        share = ops.clip((step - self._warm_up_steps) / (self._steps - self._warm_up_steps), 0, 1)
        cosine = 0.5 * self._peak * (1 + ops.cos(math.pi * share))
        return ops.minimum(self._peak / self._warm_up_steps * step, cosine) if self._warm_up_steps else cosine

    def get_config(self) -> dict[str, Any]:
        """The arguments, by name."""
        return {"peak": self._peak, "steps": self._steps, "warm_up_steps": self._warm_up_steps}


class Learner(keras.Model):
    """One compiled step: augmentation → network → loss and metrics.

    It takes whole batches of `data.gather`: the target travels with the input, so that both can be augmented alike.
    """

    def __init__(
        self, network: Any, loss: Any, augment: Any = None, metrics: Mapping[str, Metric] | None = None
    ) -> None:
        """`network` maps `inputs` to predictions; `loss` is a Keras loss; `augment` a layer from batch to batch."""
        # In float32, or the target would be rounded to half precision on its way through.
        super().__init__(dtype="float32", name="learner")
        self.network, self.objective, self.augment = network, loss, augment
        self._metric_functions = dict(metrics or {})
        self._means = [keras.metrics.Mean(name=name) for name in self._metric_functions]

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
        """The loss, and what the network's layers add to it."""
        loss = self.objective(y_pred["target"], y_pred["prediction"], sample_weight=y_pred["weight"])
        return sum(self.losses, start=loss)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """The metrics' means so far, beside the loss's."""
        for mean, metric in zip(self._means, self._metric_functions.values(), strict=True):
            mean.update_state(metric(y_pred["target"], y_pred["prediction"]))
        return dict(self.get_metrics_result())


def train_epoch(learner: Any, batches: TrainingBatches) -> dict[str, float]:
    """One epoch of training; the means of its `loss` and of the learner's metrics.

    On a GPU by Keras' own loop, which prefetches; on the CPU and on several devices batch by batch, see `device`.
    """
    if not _batch_by_batch():
        # One call an epoch: what is compiled stays, and between the calls weights are ours under every backend.
        history = learner.fit(batches, epochs=1, verbose=0, shuffle=False).history
        return {name: float(values[0]) for name, values in history.items()}
    return _mean_by_batch(learner, batches, training=True)


def evaluate(learner: Any, batches: OrderedBatches) -> dict[str, float]:
    """The means of `loss` and metrics over all rows, without training."""
    if not _batch_by_batch():
        found = learner.evaluate(batches, verbose=0, return_dict=True)
        return {name: float(value) for name, value in found.items()}
    return _mean_by_batch(learner, batches, training=False)


def _batch_by_batch() -> bool:
    return on_cpu() or devices() > 1


def _mean_by_batch(learner: Any, batches: TrainingBatches | OrderedBatches, *, training: bool) -> dict[str, float]:
    """Means over rows. From Keras 3.15 on, a step returns the means of its own batch; before, of all since the last
    reset."""
    sums: dict[str, float] = {}
    rows = 0
    for number in range(len(batches)):
        (batch,) = batches[number]
        learner.reset_metrics()
        found, count = run_step(learner, batch, training=training), len(batch["weight"])
        sums = {name: sums.get(name, 0.0) + count * float(value) for name, value in found.items()}
        rows += count
    return {name: total / rows for name, total in sums.items()}


def predict(network: Any, rows: Rows, batch: int, which: np.ndarray | None = None) -> Any:
    """A network's predictions for every row, or for those of the numbers `which`, in that order.

    Batches are all of one size, at most `batch`, because another size is compiled anew: the last is filled up.

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
        found = network.predict(batches, verbose=0)
    else:
        parts = [network.predict_on_batch(*batches[number]) for number in range(count)]
        found = tree.map_structure(lambda *outputs: np.concatenate(outputs), *parts)
    found = tree.map_structure(lambda output: output[: len(which)], found)
    if not all(np.isfinite(output).all() for output in tree.flatten(found) if output.dtype.kind == "f"):
        raise DivergedError.of("prediction", "what the network predicts is not finite")
    return found


class _Phase(NamedTuple):
    """Epochs before `end`, in which the encoder is `frozen` or trained with the rest of the network."""

    learner: Learner
    frozen: bool
    end: int


class Trainer:
    """A network compiled once and trained as often as there are folds: compiling takes longer than a small training.

    Keras' callbacks are not used. `BackupAndRestore` saves neither the averaged nor the best weights nor the state of
    the augmentation, so that a resumed training would end with other bytes; `TerminateOnNaN` stops without an error
    and looks at losses alone; and the optimizer's `use_ema` averages over steps, without the moving statistics of batch
    normalisation, where here whole epochs are averaged.

    Args:
        network: a Keras model; it has the weights of the last training.
        loss: a Keras loss: (target, prediction) → a number an example.
        schedule: length and learning rate.
        augment: a layer from batch to batch, such as `augment.Augment`.
        metrics: reported in the history beside the loss, by name.
        head: the part of the network that batches go through, see `frozen_features`; None: all of it.
    """

    def __init__(
        self,
        network: Any,
        loss: Any,
        schedule: Schedule,
        augment: Any = None,
        metrics: Mapping[str, Metric] | None = None,
        head: Any = None,
    ) -> None:
        self.network, self.schedule = network, schedule
        trained = network if head is None else head
        self._encoder = next((layer for layer in trained.layers if layer.name == ENCODER), None)
        frozen = min(schedule.frozen_epochs, schedule.epochs) if self._encoder is not None else 0
        self._phases = []
        for first, end in ((0, frozen), (frozen, schedule.epochs)):
            if end > first:
                self._freeze(end == frozen)
                learner = Learner(trained, loss, augment, metrics)
                learner.compile(optimizer=_optimizer(schedule, trained, end - first), jit_compile="auto")
                learner.optimizer.build(trained.trainable_variables)
                self._phases.append(_Phase(learner, end == frozen, end))
        optimizers = [variable for phase in self._phases for variable in phase.learner.optimizer.variables]
        beside = [*getattr(augment, "variables", []), *optimizers]
        self._variables = [*network.variables, *beside]
        self._beside_at_start = values_of(beside)

    @property
    def learner(self) -> Learner:
        """The compiled step of the whole network; with a frozen encoder where that is never trained."""
        return self._phases[-1].learner

    def _freeze(self, frozen: bool) -> None:
        """A frozen encoder has no trainable variables, and its batch normalisation is in inference mode."""
        if self._encoder is not None:
            self._encoder.trainable = not frozen

    def fit(
        self,
        initial: Values,
        train: TrainingBatches,
        checkpoint: Path,
        validation: OrderedBatches | None = None,
        monitored: OrderedBatches | None = None,
    ) -> pd.DataFrame:
        """Train; the network ends with the averaged weights of the epoch of least validation loss, or else the last.

        Args:
            initial: values of `network.variables` to start from.
            train: of `schedule.steps` batches an epoch.
            checkpoint: a file written after the first epoch and then every ten seconds or, where they are longer, after
                each; if it exists, a killed training resumes and, on a CPU, ends with the weights it would have had.
                It stays: remove it when the results are saved.
            validation: chooses the best epoch and stops the training; without it, all epochs are trained.
            monitored: held-out rows for the history alone: nothing is chosen by them.

        Returns:
            The history, one row an epoch: `epoch`, `loss` and the metrics; `validation_loss`; `monitored_loss` and
            `monitored_<metric>`; the last three of the averaged weights, NaN without such rows; `learning_rate` at its
            end, and `best`: whether the final weights are of this epoch.

        Raises:
            DivergedError: a loss or a weight is not finite; it names the epoch, counted from 1.
        """
        assign(self._variables, [*initial, *self._beside_at_start])
        if checkpoint.is_file():
            progress = load_progress(checkpoint, self._variables)
        else:
            progress = Progress(values_of(self.network.weights), values_of(self.network.weights))
        saved = -math.inf
        epochs, patience = self.schedule.epochs, self.schedule.patience
        while progress.epoch < epochs and progress.epoch - progress.best_epoch <= patience:
            self._train_epoch(progress, train, validation, monitored)
            if time.monotonic() - saved >= SECONDS_BETWEEN_CHECKPOINTS:
                save_progress(checkpoint, progress, self._variables)
                saved = time.monotonic()
        assign(self.network.weights, progress.best)
        history = pd.DataFrame(progress.history)
        return history.assign(best=history["epoch"] == progress.best_epoch)

    def _train_epoch(
        self,
        progress: Progress,
        train: TrainingBatches,
        validation: OrderedBatches | None,
        monitored: OrderedBatches | None,
    ) -> None:
        epoch = progress.epoch
        learner, frozen, _ = next(phase for phase in self._phases if epoch < phase.end)
        self._freeze(frozen)
        train.start(epoch)
        trained = train_epoch(learner, train)
        last = values_of(self.network.weights)
        progress.averages = last if epoch == 0 else _average(progress.averages, last, self.schedule.ema_decay)
        assign(self.network.weights, progress.averages)
        _check_finite(epoch, {"loss": trained["loss"]}, progress.averages)
        loss = evaluate(learner, validation)["loss"] if validation else float("nan")
        held_out = evaluate(learner, monitored) if monitored else dict.fromkeys(trained, float("nan"))
        losses = {"validation loss": loss} if validation else {}
        losses |= {"monitored loss": held_out["loss"]} if monitored else {}
        _check_finite(epoch, losses)
        assign(self.network.weights, last)
        if validation is None or loss < progress.best_score:
            progress.best, progress.best_score, progress.best_epoch = progress.averages, loss, epoch
        progress.history.append(
            {
                "epoch": epoch,
                **trained,
                "validation_loss": loss,
                **{f"monitored_{name}": value for name, value in held_out.items()},
                "learning_rate": float(learner.optimizer.learning_rate),
            }
        )


def _check_finite(epoch: int, losses: Mapping[str, float], weights: Sequence[np.ndarray] = ()) -> None:
    where = f"epoch {epoch + 1}"
    for name, loss in losses.items():
        if not math.isfinite(loss):
            raise DivergedError.of(where, f"the {name} is {loss}")
    if not all(np.isfinite(values).all() for values in weights):
        raise DivergedError.of(where, "a weight is not finite")


def _optimizer(schedule: Schedule, network: Any, epochs: int) -> Any:
    """For so many epochs of training of the network's variables that are trainable now."""
    steps = schedule.steps
    rate = WarmUpThenCosine(schedule.learning_rate, epochs * steps, schedule.warm_up_epochs * steps)
    factors = _rate_factors(network, schedule.encoder_learning_rate)
    norm = MAX_GRADIENT_NORM / devices() if replicated() else MAX_GRADIENT_NORM  # see `SummedGradients`
    if set(factors) == {1.0}:
        optimizer = keras.optimizers.AdamW(rate, weight_decay=schedule.weight_decay, global_clipnorm=norm)
    else:
        sizes = [math.prod(variable.shape) for variable in network.trainable_variables]
        by_variable = [np.repeat(np.array(factors, np.float32), sizes)] if on_cpu() else factors
        optimizer = ScaledAdamW(rate, schedule.weight_decay, by_variable, norm)
    if on_cpu():
        optimizer = FlatOptimizer(optimizer)
    half = keras.config.dtype_policy().name == "mixed_float16"
    optimizer = keras.optimizers.LossScaleOptimizer(optimizer) if half else optimizer
    return SummedGradients(optimizer) if replicated() else optimizer


def _rate_factors(network: Any, encoder_learning_rate: float) -> list[float]:
    """Factors of the learning rate, one a trainable variable."""
    encoder = next((layer for layer in network.layers if layer.name == ENCODER), None)
    inside = {id(variable) for variable in encoder.variables} if encoder is not None else set()
    return [encoder_learning_rate if id(variable) in inside else 1.0 for variable in network.trainable_variables]


def _average(averages: Values, last: Values, decay: float) -> Values:
    return [
        np.asarray(decay * average + (1 - decay) * value, value.dtype)
        for average, value in zip(averages, last, strict=True)
    ]
