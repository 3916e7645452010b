"""Test images → the mean prediction of a model's networks; a stage that is killed goes on with what is left."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pulmo.pipeline.stage import Stage, load, save
from pulmo.radiographs.cache import ImageFormat, cache_images

if TYPE_CHECKING:
    from pulmo.training.inference import Predictor

_CHECKPOINT = "networks"


def predict_images(
    stage: Stage,
    files: Mapping[str, Path],
    image_format: ImageFormat,
    networks: Sequence[Path],
    predictor: Callable[[Any], "Predictor"],
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Read images into the stage's declared output `images`, and predict them.

    Args:
        stage: declares the output `images`.
        files: the image files by id.
        image_format: as the networks were trained with.
        networks: their files, of one architecture.
        predictor: a network → its predictor, see `training.inference`.

    Returns:
        The headers, one row a file, indexed by `key` (see `cache_images`), and the predictions by name, in their order.
        Those of an image that could not be read (its `error` is not None) are of a black image.

    Raises:
        UserError: a network's file is damaged, or is for images of another size.
    """
    headers = cache_images(stage, "images", files, image_format)
    predicted = stage.checkpoint(_CHECKPOINT, partial(_predict, stage, networks, predictor))
    return headers, {path.stem: load(path) for path in sorted(predicted.glob("*.npy"))}


def _predict(stage: Stage, networks: Sequence[Path], predictor: Callable[[Any], "Predictor"], folder: Path) -> None:
    from pulmo.training.device import computing_on
    from pulmo.training.inference import predict_mean

    images = np.load(stage.workspace / "images.npy", mmap_mode="r")
    with computing_on(stage.device):
        for name, values in predict_mean(networks, {"image": images}, predictor).items():
            save(folder / name, values)
