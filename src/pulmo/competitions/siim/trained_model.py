"""What SIIM's `model/` holds; see `pulmo.pipeline.model_folder`.

`ensemble.json` has the thresholds, size and contrast of the images, and the estimate ± error; `segmenter/` the
networks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pulmo.competitions.siim.thresholds import Thresholds
from pulmo.pipeline import model_folder
from pulmo.pipeline.model_folder import Family, Source, reading_model

NAME, SEGMENTER = "siim", "segmenter"


class TrainedModel(NamedTuple):
    """A model read from its folder; the segmenter's files are not yet read, for it takes Keras to do that.

    `pixels` a side with CLAHE of clip limit `clahe_clip_limit` (0: none) are the networks' input.
    """

    segmenter: Family
    thresholds: Thresholds
    pixels: int
    clahe_clip_limit: float


def write_model(folder: Path, record: Mapping[str, Any], segmenter: Source) -> None:
    """Write a model into an empty folder; see `pulmo.pipeline.model_folder.write_model`."""
    model_folder.write_model(folder, NAME, record, {SEGMENTER: segmenter})


def read_model(folder: Path) -> TrainedModel:
    """Read a model's folder.

    Raises:
        UserError: a file is missing or damaged, or the model is of another competition.
    """
    with reading_model(folder, NAME) as (record, families):
        thresholds = Thresholds(**record["thresholds"])
        return TrainedModel(families[SEGMENTER], thresholds, record["pixels"], record["clahe_clip_limit"])
