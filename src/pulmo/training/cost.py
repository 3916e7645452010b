"""What a training costs: arithmetic and memory traffic of a network, its speed on the device at hand, hours on a GPU.

`training_cost` is what `pulmo NAME check` prints for each of a preset's networks.
"""

import math
import time
from typing import Any, NamedTuple

import numpy as np

from pulmo.training.settings import ClassifierConfig, DetectorConfig, ImageNetworkConfig, SegmenterConfig
from pulmo.training.tasks import BoxLimits, BoxTask, LabelsTask, MaskTask, Task

BACKWARD = 2.0
"""The backward pass takes twice the arithmetic of the forward pass."""
ARITHMETIC_SHARE = 0.37
"""Of a GPU's peak: what convolutions alone reached on an H100, see benchmarks/gpu.md."""
TRAFFIC = 8.8
"""Bytes moved for a number written, the backward pass counted as two forward passes: fits the measured rates of six
networks on an H100 (benchmarks/gpu.md), whose memory limits all of them, to −17 … +27 %."""
TIMED_BATCH = 2


class Work(NamedTuple):
    """Of one image's forward pass: floating-point operations of convolutions and dense layers, and numbers written by
    all layers, which a GPU moves through its memory."""

    flop: float
    numbers: float

    def plus(self, other: "Work", times: float = 1.0) -> "Work":
        """The sum of this work and so many times the other."""
        return Work(self.flop + times * other.flop, self.numbers + times * other.numbers)


class Gpu(NamedTuple):
    """Peak rate of half-precision arithmetic, TFLOP/s, and of memory, GB/s."""

    tflops: float
    gigabytes: float

    def seconds(self, work: Work) -> float:
        """Time for work in mixed precision: that of arithmetic or of memory traffic, whichever is longer."""
        arithmetic = work.flop / (ARITHMETIC_SHARE * self.tflops * 1e12)
        return max(arithmetic, TRAFFIC * work.numbers / (self.gigabytes * 1e9))


KAGGLE_GPUS = {"P100": Gpu(18.7, 732), "T4": Gpu(65.0, 320)}
"""By the makers' data sheets; one of Kaggle's two T4."""
KAGGLE_HOURS = 9.0


class TrainingCost(NamedTuple):
    """Of all networks of a family.

    Attributes:
        networks: how many are trained.
        parameters: of each.
        passes: images shown to all networks together, over all epochs.
        gflop: an image shown, forward and backward, on average over the epochs.
        seconds: an image shown, measured on the device at hand, on average over the epochs; NaN where not measured.
        gpu_hours: estimated time of the whole training on each of KAGGLE_GPUS, hours; without reading the images.
    """

    networks: int
    parameters: int
    passes: int
    gflop: float
    seconds: float
    gpu_hours: dict[str, float]

    @property
    def hours(self) -> float:
        """Of the whole training on the device at hand."""
        return self.passes * self.seconds / 3600


def training_cost(
    config: ImageNetworkConfig, pixels: int, images: int, folds: int, device: str | None = None
) -> TrainingCost:
    """What training a family of networks costs; nothing is read but random images.

    Features of a frozen encoder count in every epoch, also where they are computed once (`frozen_views`).

    Args:
        config: of a segmenter, detector or classifier.
        pixels: of a side of an image.
        images: of the whole training set, of which a network is trained on all but one fold's.
        folds: of the training set.
        device: to measure the speed on, as `computing_on` takes it; None: it is not measured.
    """
    from pulmo.training.device import computing_on

    task, inputs = _task(config, pixels), {"image": np.zeros((TIMED_BATCH, pixels, pixels), np.uint8)}
    schedule = config.schedule(images * (folds - 1) // folds)
    with computing_on(device or "cpu"):
        network = task.network(inputs, lambda _: None)()
    whole, encoder = forward_work(network), encoder_work(network)
    frozen_epochs = min(schedule.frozen_epochs, schedule.epochs) if encoder.flop else 0
    share = frozen_epochs / schedule.epochs
    # Nothing is propagated back through a frozen encoder.
    shown = whole.plus(whole, BACKWARD).plus(encoder, -BACKWARD * share)
    networks = min(config.folds, folds)
    passes = networks * schedule.epochs * schedule.steps * config.batch
    seconds = math.nan
    if device is not None:
        measured = {
            epochs: seconds_an_image(config.model_copy(update={"frozen_epochs": epochs}), pixels, device)
            for epochs in ({1} if share == 1 else {0} if share == 0 else {0, 1})
        }
        seconds = share * measured.get(1, 0.0) + (1 - share) * measured.get(0, 0.0)
    gpu_hours = {name: passes * gpu.seconds(shown) / 3600 for name, gpu in KAGGLE_GPUS.items()}
    return TrainingCost(networks, network.count_params(), passes, shown.flop / 1e9, seconds, gpu_hours)


def seconds_an_image(config: ImageNetworkConfig, pixels: int, device: str) -> float:
    """Measured time of a training step on the device, an image; with `frozen_epochs` that of a frozen encoder.

    Steps of TIMED_BATCH random images: on a CPU larger ones take as long an image. Compiling is excluded.
    """
    from pulmo.training.data import Rows, TrainingBatches
    from pulmo.training.device import computing_on
    from pulmo.training.loop import Trainer, train_epoch

    config = config.model_copy(update={"batch": TIMED_BATCH, "epochs": 1, "steps": 2, "warm_up_epochs": 0})
    task = _task(config, pixels)
    images = np.random.default_rng(0).integers(0, 256, (TIMED_BATCH, pixels, pixels), np.uint8)
    with computing_on(device):
        network = task.network({"image": images}, lambda _: None)()
        trainer = Trainer(network, task.loss(), config.schedule(TIMED_BATCH), task.augment(0), task.metrics())
        batches = TrainingBatches(Rows({"image": images}, task.target), TIMED_BATCH, 0, steps=2)
        train_epoch(trainer.learner, batches)  # compiles
        started = time.perf_counter()
        train_epoch(trainer.learner, batches)
        return (time.perf_counter() - started) / (2 * TIMED_BATCH)


def forward_work(network: Any) -> Work:
    """One image's forward pass."""
    import keras

    # Batch size 1, so that shapes are known where slices of a volume are processed as images.
    inputs = {
        name: keras.Input(batch_shape=(1, *t.shape[1:]), dtype=t.dtype, name=name) for name, t in network.input.items()
    }
    return _work_of(keras.models.clone_model(network, inputs))


def encoder_work(network: Any) -> Work:
    """The part of it in the network's encoder; nothing where it has none."""
    from pulmo.models.encoders import ENCODER

    encoder = next((layer for layer in network.layers if layer.name == ENCODER), None)
    return Work(0.0, 0.0) if encoder is None else _work_of(encoder)


def _work_of(network: Any) -> Work:
    import keras

    forward = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.Dense)
    total = Work(0.0, 0.0)
    for layer in network._flatten_layers(include_self=False):
        if isinstance(layer, keras.Model | keras.layers.InputLayer):
            continue
        flop = 0.0
        if isinstance(layer, (*forward, keras.layers.DepthwiseConv2D)):
            flop = 2.0 * math.prod(layer.kernel.shape) * _places(layer.output)
        elif isinstance(layer, keras.layers.Conv2DTranspose | keras.layers.Conv3DTranspose):
            flop = 2.0 * math.prod(layer.kernel.shape) * _places(layer.input)
        numbers = sum(_places(output) * (output.shape[-1] or 1) for output in keras.tree.flatten(layer.output))
        total = total.plus(Work(flop, float(numbers)))
    return total


def _places(tensor: Any) -> int:
    return math.prod(side or 1 for side in tensor.shape[:-1])


def _task(config: ImageNetworkConfig, pixels: int) -> Task:
    """The task of a family's kind, with empty targets of TIMED_BATCH images."""
    if isinstance(config, DetectorConfig):
        return BoxTask(config, np.zeros((TIMED_BATCH, 1, 4), np.float32), BoxLimits(20, 0.05))
    if isinstance(config, SegmenterConfig):
        return MaskTask(config, np.zeros((TIMED_BATCH, pixels, pixels), np.uint8))
    if isinstance(config, ClassifierConfig):
        return LabelsTask(config, np.zeros((TIMED_BATCH, 1), np.float32))
    raise TypeError(f"{type(config).__name__} is no family of networks on images")
