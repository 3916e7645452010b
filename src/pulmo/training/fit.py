"""Fitting a network epoch by epoch: schedule, weight averaging, early stopping, and going on after a kill."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from pulmo.errors import DivergedError
from pulmo.training import loop
from pulmo.training.checkpoint import Progress, Values, assign, load_progress, save_progress, values_of
from pulmo.training.device import on_cpu
from pulmo.training.flat_optimizer import FlatOptimizer
from pulmo.training.learner import Learner, Measure
from pulmo.training.schedule import WarmUpThenCosine
from pulmo.training.sequences import OrderedBatches, TrainingBatches

LARGEST_GRADIENT = 1.0
SECONDS_BETWEEN_CHECKPOINTS = 10
"""Of a small network, an epoch takes little longer than to write it down."""


class Plan(NamedTuple):
    """How long and how fast.

    `learning_rate` is the peak of the schedule over all `epochs` of `steps`, with `warm_up_epochs` at their start;
    `weight_decay` is AdamW's. `averaging` is the share of the past in the running average of weights, taken after each
    epoch (0: none). `patience` epochs without a better validation end the training.
    """

    epochs: int
    steps: int
    learning_rate: float
    warm_up_epochs: int
    weight_decay: float
    averaging: float
    patience: int


class Trainer:
    """A network compiled once and trained as often as there are folds: compiling takes longer than a small training.

    Args:
        network: a Keras model; its weights are those of the last training.
        objective: a Keras loss: (target, prediction) → a number an example.
        plan: how long and how fast.
        augment: a layer from batch to batch, such as `Augment`.
        measures: what the history tells beside the loss, by name.
    """

    def __init__(
        self,
        network: Any,
        objective: Any,
        plan: Plan,
        augment: Any = None,
        measures: Mapping[str, Measure] | None = None,
    ) -> None:
        self.network, self.plan = network, plan
        self._learner = Learner(network, objective, augment, measures)
        self._learner.compile(optimizer=_optimizer(plan), jit_compile="auto")
        self._learner.optimizer.build(network.trainable_variables)
        beside = [*getattr(augment, "variables", []), *self._learner.optimizer.variables]
        self._variables = [*network.variables, *beside]
        self._beside_at_start = values_of(beside)

    @property
    def learner(self) -> Learner:
        """What is compiled: a step of the network, with its augmentation and its loss."""
        return self._learner

    def fit(
        self,
        initial: Values,
        train: TrainingBatches,
        checkpoint: Path,
        validation: OrderedBatches | None = None,
        watched: OrderedBatches | None = None,
    ) -> pd.DataFrame:
        """Train; the network is left with averaged weights, of the best validated epoch or else of the last.

        Args:
            initial: values of `network.variables` to start from.
            train: of `plan.steps` batches an epoch.
            checkpoint: a file written after the first epoch and then every ten seconds or, where they are longer, after
                each; where it is, the training that was killed goes on and, on a CPU, ends with the weights it would
                have had. It stays: remove it when what was learned is kept.
            validation: chooses the best epoch and ends the training; without it, the plan is followed to its end.
            watched: rows held out, for the history alone: nothing is chosen by them.

        Returns:
            The history, one row an epoch: `epoch`, `loss` and the measures; `validation_loss` and, of the rows watched,
            `monitored_loss` and `monitored_<measure>`, all of the averaged weights, NaN where there are no such rows;
            `learning_rate` at its end, and `best`: whether it gave the weights.

        Raises:
            DivergedError: a loss or a weight is not finite; it names the epoch, counted from 1.
        """
        assign(self._variables, [*initial, *self._beside_at_start])
        if checkpoint.is_file():
            progress = load_progress(checkpoint, self._variables)
        else:
            progress = Progress(values_of(self.network.weights), values_of(self.network.weights))
        saved = -math.inf
        while progress.epoch < self.plan.epochs and progress.epoch - progress.best_epoch <= self.plan.patience:
            self._one_epoch(progress, train, validation, watched)
            if time.monotonic() - saved >= SECONDS_BETWEEN_CHECKPOINTS:
                save_progress(checkpoint, progress, self._variables)
                saved = time.monotonic()
        assign(self.network.weights, progress.best)
        history = pd.DataFrame(progress.history)
        return history.assign(best=history["epoch"] == progress.best_epoch)

    def _one_epoch(
        self,
        progress: Progress,
        train: TrainingBatches,
        validation: OrderedBatches | None,
        watched: OrderedBatches | None,
    ) -> None:
        epoch = progress.epoch
        train.start(epoch)
        fitted = loop.train(self._learner, train)
        last = values_of(self.network.weights)
        progress.averages = last if epoch == 0 else _mixed(progress.averages, last, self.plan.averaging)
        assign(self.network.weights, progress.averages)
        _check_finite(epoch, {"loss": fitted["loss"]}, progress.averages)
        loss = loop.evaluate(self._learner, validation)["loss"] if validation else float("nan")
        seen = loop.evaluate(self._learner, watched) if watched else dict.fromkeys(fitted, float("nan"))
        losses = {"validation loss": loss} if validation else {}
        losses |= {"loss of rows held out": seen["loss"]} if watched else {}
        _check_finite(epoch, losses)
        assign(self.network.weights, last)
        if validation is None or loss < progress.best_score:
            progress.best, progress.best_score, progress.best_epoch = progress.averages, loss, epoch
        progress.history.append(
            {
                "epoch": epoch,
                **fitted,
                "validation_loss": loss,
                **{f"monitored_{name}": value for name, value in seen.items()},
                "learning_rate": float(self._learner.optimizer.learning_rate),
            }
        )


def _check_finite(epoch: int, losses: Mapping[str, float], weights: Sequence[np.ndarray] = ()) -> None:
    """Numbers that are not finite would otherwise leave random weights behind, or a network that says nothing."""
    where = f"epoch {epoch + 1}"
    for name, loss in losses.items():
        if not math.isfinite(loss):
            raise DivergedError.of(where, f"the {name} is {loss}")
    if not all(np.isfinite(values).all() for values in weights):
        raise DivergedError.of(where, "a weight is not finite")


def _optimizer(plan: Plan) -> Any:
    schedule = WarmUpThenCosine(plan.learning_rate, plan.epochs * plan.steps, plan.warm_up_epochs * plan.steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=plan.weight_decay, global_clipnorm=LARGEST_GRADIENT)
    if on_cpu():
        optimizer = FlatOptimizer(optimizer)
    half = keras.config.dtype_policy().name == "mixed_float16"
    return keras.optimizers.LossScaleOptimizer(optimizer) if half else optimizer


def _mixed(averages: Values, last: Values, share: float) -> Values:
    return [
        np.asarray(share * average + (1 - share) * value, value.dtype)
        for average, value in zip(averages, last, strict=True)
    ]
