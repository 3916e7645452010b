"""Losses on one device and on two, as JSON: `python -m tests.training.several_devices`, in a process of its own.

Two logical devices of one CPU, made before the backend starts. Losses of 20 steps of training and, after every five, of
seven rows that are not trained on in batches of four, so that the last is odd.
"""

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import keras
import numpy as np

from pulmo.training import loop
from pulmo.training.checkpoints import save_progress, values_of
from pulmo.training.data import OrderedBatches, Rows, TrainingBatches
from pulmo.training.device import computing_on
from pulmo.training.loop import Schedule, Trainer

KINDS = ("masks", "boxes", "labels", "volumes")
ONE, TWO = "cpu:0", "cpu:0,cpu:1"
SCHEDULE = Schedule(
    epochs=4, steps=5, learning_rate=1e-3, warm_up_epochs=0, weight_decay=0.01, ema_decay=0.5, patience=9
)
IMAGES = np.random.default_rng(0).integers(0, 256, (16, 16, 16)).astype(np.uint8)


def main() -> None:
    """Print the losses by what was trained, a list of pairs (one device, two devices)."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        (cpu,) = tensorflow.config.list_physical_devices("CPU")
        two = [tensorflow.config.LogicalDeviceConfiguration()] * 2
        tensorflow.config.set_logical_device_configuration(cpu, two)
    one = {kind: _losses(kind, ONE, 4) for kind in KINDS}
    pairs = {kind: list(zip(one[kind], _losses(kind, TWO, 4), strict=True)) for kind in KINDS}
    pairs["labels, odd batches"] = list(zip(_losses("labels", ONE, 3), _losses("labels", TWO, 3), strict=True))
    resumed = _losses("labels", TWO, 4, killed=True)
    pairs["labels, killed and resumed"] = list(zip(one["labels"], resumed, strict=True))
    print(json.dumps(pairs))


def _losses(kind: str, devices: str, batch: int, *, killed: bool = False) -> list[float]:
    with computing_on(devices) as device, tempfile.TemporaryDirectory() as folder:
        assert device.number == len(devices.split(","))
        keras.utils.set_random_seed(0)
        network, loss, rows = _task(kind)
        trainer = Trainer(network, loss, SCHEDULE)
        train = TrainingBatches(rows, batch, 0, SCHEDULE.steps, lambda rng, _: rng.permutation(9))
        monitored = OrderedBatches(rows, 4, np.arange(9, 16))
        initial, checkpoint = values_of(network.variables), Path(folder) / "checkpoint.npz"
        if killed:
            _killed_after_an_epoch(lambda: trainer.fit(initial, train, checkpoint, None, monitored))
        history = trainer.fit(initial, train, checkpoint, None, monitored)
        predicted = keras.tree.flatten(loop.predict(network, Rows(rows.inputs), 5))
        sums = [float(np.abs(output).mean()) for output in predicted]
    return [*history["loss"], *history["monitored_loss"], *sums]


def _killed_after_an_epoch(fit: Any) -> None:
    def save_then_die(*arguments: Any) -> None:
        save_progress(*arguments)
        raise KeyboardInterrupt

    with patch.object(loop, "save_progress", save_then_die), suppress(KeyboardInterrupt):
        fit()
        raise AssertionError("the training was not killed")


def _task(kind: str) -> tuple[Any, Any, Rows]:
    from pulmo.models.classifier import ClassifierParameters, classifier
    from pulmo.models.detection_loss import DetectionLoss
    from pulmo.models.detector import DetectorParameters, detector
    from pulmo.models.intensity_scale import IntensityScale
    from pulmo.models.resnet3d import ResNet3dParameters, resnet3d
    from pulmo.models.segmentation_losses import SegmentationLoss, Terms
    from pulmo.models.unet import UnetParameters, unet

    rng = np.random.default_rng(1)
    small, inputs = UnetParameters(4, 1, 2.0, 0.0, 0.9, output_stride=2, presence_head=False), {"image": IMAGES}
    if kind == "masks":
        return (
            unet(small, 16),
            SegmentationLoss(Terms(1, dice=1)),
            Rows(inputs, (255 * (IMAGES > 200)).astype(np.uint8)),
        )
    if kind == "boxes":
        corner, size = rng.uniform(0, 8, (16, 3, 2)), rng.uniform(0, 8, (16, 3, 2))
        boxes = np.concatenate([corner, corner + size], axis=-1).astype(np.float32)
        return detector(DetectorParameters(4, 2, 0.9, stride=4), 16), DetectionLoss(4), Rows(inputs, boxes)
    label = (np.arange(32).reshape(16, 2) % 3 < 1).astype(np.float32)
    if kind == "labels":
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        weight = rng.uniform(0.5, 2, 16).astype(np.float32)
        return classifier(ClassifierParameters(small, 0.0), 16, 2), loss, Rows(inputs, label, weight)
    shape, scale = (4, 8, 8, 2), IntensityScale((-1000.0,), (400.0,), (0.25,))
    volumes = rng.integers(-1024, 400, (16, *shape)).astype(np.int16)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network = resnet3d(ResNet3dParameters(shape, 4, (8, 8), 0.0), scale)
    return network, loss, Rows({"image": volumes}, label[:, :1])


if __name__ == "__main__":
    main()
