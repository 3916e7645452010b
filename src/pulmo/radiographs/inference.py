"""Test images predicted by a model's networks, part after part; a stage that is killed goes on with what is left."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from pulmo.pipeline.stage import Stage, load, save
from pulmo.training.parts import in_parts

if TYPE_CHECKING:
    from pulmo.training.inference import Predictions, Predictor

Finish = Callable[[np.ndarray, "Predictions"], Mapping[str, pd.DataFrame]]
"""Places of some images in `NetworkImages.rows`, and the predictions for them → tables by name, all that is kept."""


class NetworkImages(NamedTuple):
    """Images that `cache_images` has read into the output `images` of a stage.

    Attributes:
        stage: declares that output.
        rows: which of them are predicted, (images,) int; those that could be read.
    """

    stage: Stage
    rows: np.ndarray

    @classmethod
    def of(cls, stage: Stage, headers: pd.DataFrame) -> "NetworkImages":
        """Those without an `error` in the table of headers, see `cache_images`."""
        return cls(stage, np.flatnonzero(headers["error"].isna()))

    @property
    def images(self) -> np.ndarray:
        """All of them, uint8 (…, pixels, pixels), memory-mapped."""
        images: np.ndarray = load(self.stage.workspace / "images.npy")
        return images

    def predict(
        self, name: str, predictor: Callable[[tuple[int, ...]], "Predictor"], finish: Finish
    ) -> dict[str, pd.DataFrame]:
        """Predict the images, of which no more than a part and its predictions are in memory at a time.

        Args:
            name: of the predictions, among those of the stage.
            predictor: the shape of an image → what predicts them, such as a `MeanPredictor`.
            finish: is called for each part, and what it returns is saved; after a kill, that is not predicted again.

        Returns:
            The tables of all parts by name, one below the other in the order of `rows`.

        Raises:
            UserError: a network's file is damaged, or is for images of another size.
        """
        inputs = {"image": self.images}
        parts = in_parts(np.arange(len(self.rows)), inputs)
        names = [f"{name}_{number}_of_{len(parts)}" for number in range(len(parts))]
        left = [number for number, checkpoint in enumerate(names) if not self.stage.has_checkpoint(checkpoint)]
        if left:
            from pulmo.training.device import computing_on
            from pulmo.training.inference import predict_part

            with computing_on(self.stage.device):
                built = predictor(inputs["image"].shape[1:])
                for number in self.stage.progress(left, name):
                    part = parts[number]
                    predictions = predict_part(built, inputs, self.rows[part], whole=len(parts) == 1)
                    self.stage.checkpoint(names[number], partial(_save, finish(part, predictions)))
        return _read([self.stage.checkpoint_folder(checkpoint) for checkpoint in names])


def _save(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    for name, table in tables.items():
        save(folder / name, table)


def _read(folders: list[Path]) -> dict[str, pd.DataFrame]:
    names = sorted(path.stem for path in folders[0].glob("*.parquet"))
    return {
        name: pd.concat([load(folder / f"{name}.parquet") for folder in folders], ignore_index=True) for name in names
    }
