"""The three-dimensional network, from volumes to logits: what it learns, what it says, and where it looked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from pulmo.competitions.dsb.settings import CnnSettings
from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.models.grad_cam import cut, grad_cam, magnified
from pulmo.models.metrics import accuracy_of_classes
from pulmo.models.resnet3d import LOCALISED, ResNet3dParameters, resnet3d
from pulmo.models.slides_cnn3d import SlidesCnn3dParameters, slides_cnn3d
from pulmo.training.augment import Augment, Augmentation
from pulmo.training.checkpoint import values_of
from pulmo.training.device import gradient
from pulmo.training.fit import Plan, Trainer
from pulmo.training.folds import validation_part
from pulmo.training.loop import predict
from pulmo.training.sampler import a_few
from pulmo.training.saved_networks import SavedNetworks
from pulmo.training.sequences import OrderedBatches, Rows, TrainingBatches

PREDICTION_BATCH = 16


def network_of(settings: CnnSettings, wanted: VolumeFormat) -> Any:
    """The network that the settings name, for volumes of that format; its weights are the random state's."""
    s = settings
    if s.network == "slides":
        return slides_cnn3d(SlidesCnn3dParameters(wanted.shape, s.filters, s.dense, s.dropout), wanted.scale)
    return resnet3d(ResNet3dParameters(wanted.shape, s.stem, s.filters, s.dropout), wanted.scale)


class VolumeTrainer:
    """The network compiled once, for one set of scans; trained without some of them, asked about any. Inside a device's
    scope (`computing_on`) only.

    Args:
        volumes: int16 (scans, *wanted.shape); memory-mapped.
        label: 0 or 1, (scans,).
        patient: of each scan, (scans,).
        wanted: the volumes' format.
        settings: of the network and its training.
        seed: of weights, batches and moves.
    """

    def __init__(
        self,
        volumes: np.ndarray,
        label: np.ndarray,
        patient: Sequence[str],
        wanted: VolumeFormat,
        settings: CnnSettings,
        seed: int,
    ) -> None:
        self._volumes, self._label, self._patient = volumes, label.astype(np.int64), np.asarray(patient, str)
        self._wanted, self._settings, self._seed = wanted, settings, seed
        self._trainer = Trainer(
            self._network(seed),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            _plan(settings),
            Augment(_moves(settings, wanted), "zyxc", seed),
            {"accuracy": accuracy_of_classes},
        )

    @property
    def network(self) -> Any:
        """The Keras model, with the weights of the last training."""
        return self._trainer.network

    def train(self, left_out: np.ndarray, number: int, checkpoint: Path) -> pd.DataFrame:
        """Train on the scans that are not left out; the history, with its `accuracy`. Those left out are watched.

        Args:
            left_out: (scans,) bool.
            number: of this training; another one starts from other weights and sees other batches.
            checkpoint: see `Trainer.fit`.
        """
        seed = 1000 * self._seed + number
        learned, checked = self._split(np.flatnonzero(~left_out), seed)
        rows = Rows({"image": self._volumes}, self._label[:, None], class_weights(self._label, learned))
        train = TrainingBatches(
            rows, self._settings.batch, seed, self._settings.steps, lambda rng, _: rng.permutation(learned)
        )
        validation = OrderedBatches(rows, PREDICTION_BATCH, checked) if len(checked) else None
        held_out = a_few(np.flatnonzero(left_out), self._settings.steps * self._settings.batch)
        watched = OrderedBatches(rows, PREDICTION_BATCH, held_out)
        initial = values_of(self._network(seed).variables)
        return self._trainer.fit(initial, train, checkpoint, validation, watched)

    def logits(self) -> np.ndarray:
        """What the network, as last trained, says of every scan: (scans,)."""
        return logits_of(self.network, self._volumes)

    def _network(self, seed: int) -> Any:
        keras.utils.set_random_seed(seed)
        return network_of(self._settings, self._wanted)

    def _split(self, scans: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Those learned from, and those of other patients by whom the best epoch is chosen."""
        checked = validation_part(self._patient[scans], self._settings.validation_share, seed)
        return scans[~checked], scans[checked]


def class_weights(label: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """A weight for each scan, (scans,) float32, by which both classes weigh alike among those learned from, and all
    of these together as if they had none."""
    shares = np.array([np.mean(label[learned] == value) for value in (0, 1)])
    return np.asarray((0.5 / np.maximum(shares, 1 / len(label)))[label], np.float32)


def logits_of(network: Any, volumes: np.ndarray) -> np.ndarray:
    """Score of class 1 less that of class 0: int16 (scans, …) → (scans,) float64."""
    scores = predict(network, Rows({"image": volumes}), PREDICTION_BATCH)
    return np.asarray(scores[:, 1] - scores[:, 0], np.float64)


class FoldNetworks:
    """The networks in `files`, asked together; inside a device's scope."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._networks = SavedNetworks(files)

    def logits(self, volumes: np.ndarray) -> np.ndarray:
        """The mean of what they say of int16 volumes, (scans,)."""
        return np.asarray(np.mean([logits_of(network, volumes) for network in self._networks.each()], axis=0))

    def look(self, volumes: np.ndarray) -> np.ndarray:
        """Where they saw class 1, on average: float32 (scans, slices, rows, columns), 0 … 1 in each scan."""
        slices, rows, columns = volumes.shape[1:4]
        halves = cut(self._networks.network, LOCALISED)
        total = np.zeros(volumes.shape[:4], np.float32)
        for _ in self._networks.each():
            for place in range(len(volumes)):
                maps = keras.ops.convert_to_numpy(halves.maps(volumes[place : place + 1], training=False))
                cam = magnified(grad_cam(maps, gradient(halves.head, maps)), (slices, rows, columns))[0]
                total[place] += cam / max(float(cam.max()), 1e-12)
        return total / len(self._networks.files)


def _moves(s: CnnSettings, wanted: VolumeFormat) -> Augmentation:
    return Augmentation(s.flip, False, s.rotation, s.zoom, s.shift, offset=s.offset, fill=wanted.outside)


def _plan(s: CnnSettings) -> Plan:
    return Plan(s.epochs, s.steps, s.learning_rate, s.warm_up_epochs, s.weight_decay, s.averaging, s.patience)
