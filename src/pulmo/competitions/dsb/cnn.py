"""The three-dimensional network on whole scans: what it is trained for, its logits, and Grad-CAM maps.

Keras is loaded only where a network is built.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pulmo.competitions.dsb.settings import CnnSettings
from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.training.tasks import ClassTask, Note

LOGITS = "logits"


@dataclass(frozen=True, kw_only=True)
class VolumeTask(ClassTask):
    """Two classes of volumes int16 (scans, slices, rows, columns, channels).

    Attributes:
        config: of network and training.
        volumes: their format.
    """

    config: CnnSettings
    volumes: VolumeFormat

    def network(self, inputs: Mapping[str, np.ndarray], note: Note) -> Callable[[], Any]:
        """The network that the settings name; its size is noted."""
        from pulmo.models.parameters import describe_parameters

        def build() -> Any:
            network = network_of(self.config, self.volumes)
            note(f"The network ({self.config.network}) has {describe_parameters(network)}")
            return network

        return build

    def augment(self, seed: int) -> Any:
        """The slices of a volume move alike, in their planes; air comes in from outside."""
        from pulmo.training.augment import Augment

        return Augment(self.config.augmentation(fill=self.volumes.outside), "zyxc", seed)


def network_of(settings: CnnSettings, volumes: VolumeFormat) -> Any:
    """The network that the settings name, for volumes of that format, with random weights."""
    from pulmo.models.resnet3d import ResNet3dParameters, resnet3d
    from pulmo.models.slides_cnn3d import SlidesCnn3dParameters, slides_cnn3d

    s = settings
    if s.network == "slides":
        return slides_cnn3d(SlidesCnn3dParameters(volumes.shape, s.filters, s.dense, s.dropout), volumes.scale)
    return resnet3d(ResNet3dParameters(volumes.shape, s.stem, s.filters, s.dropout), volumes.scale)


def logit_of(logits: np.ndarray) -> np.ndarray:
    """The logit of class 1, (…,) float64: its score less that of class 0, (…, 2)."""
    return np.asarray(logits[..., 1] - logits[..., 0], np.float64)


def mean_logit(files: Sequence[Path], volumes: np.ndarray) -> np.ndarray:
    """The mean logit (scans,) over the networks in `files`, inside `computing_on` only."""
    from pulmo.training.inference import FoldPredictor, OutputPredictor, gathered, predict_in_parts

    predictor = FoldPredictor(files, volumes.shape[1:], partial(OutputPredictor, name=LOGITS))
    logits = gathered(predict_in_parts(predictor, {"image": volumes}))[LOGITS]
    return np.asarray(logit_of(logits).mean(axis=1))


def mean_grad_cam(files: Sequence[Path], volumes: np.ndarray) -> np.ndarray:
    """Grad-CAM maps of class 1, the mean over the networks in `files`: float32 (scans, slices, rows, columns), 0 … 1 in
    each scan; inside `computing_on` only."""
    import keras

    from pulmo.models.grad_cam import cut, grad_cam, magnified
    from pulmo.models.resnet3d import LOCALISED
    from pulmo.training.checkpoints import SavedNetworks
    from pulmo.training.device import gradient

    slices, rows, columns = volumes.shape[1:4]
    networks = SavedNetworks(files)
    halves = cut(networks.network, LOCALISED)
    total = np.zeros(volumes.shape[:4], np.float32)
    for _ in networks.each():
        for place in range(len(volumes)):
            maps = keras.ops.convert_to_numpy(halves.maps(volumes[place : place + 1], training=False))
            cam = magnified(grad_cam(maps, gradient(halves.head, maps)), (slices, rows, columns))[0]
            total[place] += cam / max(float(cam.max()), 1e-12)
    return total / len(files)
