"""The images of `features` as a dataset for networks, and what every training stage writes."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.features import image_scale
from pulmo.pipeline.stage import Stage
from pulmo.training.cross_validation import CrossValidatedNetworks, cross_validate_networks
from pulmo.training.settings import ImageNetworkConfig
from pulmo.training.tasks import Dataset, Task


class RadiographTable(NamedTuple):
    """The outputs of the stage `features`.

    Attributes:
        image_table: a row an image; see `features`.
        images: uint8 (images, pixels, pixels), memory-mapped; unreadable ones are black.
    """

    image_table: pd.DataFrame
    images: np.ndarray

    @property
    def pixels(self) -> int:
        """Of a side."""
        return int(self.images.shape[1])

    @property
    def readable(self) -> np.ndarray:
        """(images,) bool."""
        return self.image_table["error"].isna().to_numpy()

    @property
    def fold(self) -> np.ndarray:
        """(images,) int64."""
        return self.image_table["fold"].to_numpy(np.int64)

    @property
    def scale(self) -> np.ndarray:
        """See `image_scale`."""
        return image_scale(self.image_table, self.pixels)

    def dataset(self, trainable: np.ndarray) -> Dataset:
        """All images, of which some, (images,) bool, are trained on; positive are those with pneumonia."""
        return Dataset(
            {"image": self.images},
            self.fold,
            trainable,
            patient=self.image_table["patient"].to_numpy(str),
            positive=(self.image_table["boxes"] > 0).to_numpy(),
        )


def read_radiographs(stage: Stage) -> RadiographTable:
    """The outputs of the stage `features`."""
    return RadiographTable(stage.read("features/image_table"), stage.read("features/images"))


def train_networks(stage: Stage, settings: ImageNetworkConfig, dataset: Dataset, task: Task) -> CrossValidatedNetworks:
    """Train the networks of a family, and write the outputs `models`, `history` and `description`."""
    result = cross_validate_networks(stage, dataset, task, settings.folds)
    result.write(stage)
    describe_inference(stage, settings)
    return result


def describe_inference(stage: Stage, settings: ImageNetworkConfig) -> None:
    """Write the output `description`: the test-time augmentation that the networks were validated with."""
    stage.write("description", {"tta_flip": settings.tta_flip})


def nothing_trained(stage: Stage, settings: ImageNetworkConfig, reason: str) -> None:
    """Write empty outputs `models` and `history`, and note the reason."""
    stage.note(reason)
    describe_inference(stage, settings)
    stage.folder("models")
    stage.write("history", pd.DataFrame({"fold": [], "epoch": []}))
