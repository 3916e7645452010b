"""What RSNA's `model/` holds; see `pulmo.pipeline.model_folder`.

`ensemble.json` has the image size, fitted values, and the estimate ± error; `segmenter/`, `detector/`, `classifier/`
and `lungs/` the networks of the families there are.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pulmo.pipeline import model_folder
from pulmo.pipeline.model_folder import Family, Source, reading_model

NAME = "rsna"


class TrainedModel(NamedTuple):
    """A model read from its folder; `networks` by the family's name."""

    pixels: int
    fitted: dict[str, float]
    networks: dict[str, Family]


def write_model(folder: Path, record: Mapping[str, Any], families: Mapping[str, Source]) -> None:
    """Write a model into an empty folder; see `pulmo.pipeline.model_folder.write_model`."""
    model_folder.write_model(folder, NAME, record, families)


def read_model(folder: Path) -> TrainedModel:
    """Read a model's folder.

    Raises:
        UserError: a file is missing or damaged, or the model is of another competition.
    """
    with reading_model(folder, NAME) as (record, families):
        return TrainedModel(record["pixels"], record["fitted"], families)
