"""What the Data Science Bowl's `model/` holds; see `pulmo.pipeline.model_folder`.

`ensemble.json` has the temperature, prior, classes, the format of volumes, the ids of the training scans, and the
estimate ± error; `cnn/` the networks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.models.calibration import calibrated
from pulmo.pipeline import model_folder
from pulmo.pipeline.model_folder import Source, reading_model

NAME, NETWORK = "dsb", "cnn"


class Calibration(NamedTuple):
    """Logits → probabilities: see `calibrated`. `base_rate` is predicted for a scan that cannot be read."""

    temperature: float
    prior_logit: float
    base_rate: float

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """(scans,) → (scans,); NaN, of a scan that cannot be read, becomes the base rate."""
        known = np.isfinite(logits)
        probability = calibrated(np.where(known, logits, 0), self.temperature, self.prior_logit)
        return np.where(known, probability, self.base_rate)


class TrainedModel(NamedTuple):
    """A model read from its folder.

    Attributes:
        networks: their files, not yet read, for it takes Keras to do that.
        calibration: of the mean of their logits.
        classes: what 0 and 1 mean.
        min_readers: of LIDC-IDRI, by how many readers a nodule must be marked.
        volumes: the networks' input.
        training_scans: ids of the training scans, those that could not be read included.
    """

    networks: tuple[Path, ...]
    calibration: Calibration
    classes: tuple[str, str]
    min_readers: int
    volumes: VolumeFormat
    training_scans: frozenset[str]


def write_model(folder: Path, record: Mapping[str, Any], networks: Path) -> None:
    """Write a model into an empty folder: `record` goes into `ensemble.json`, `networks` is the folder of networks."""
    model_folder.write_model(folder, NAME, record, {NETWORK: Source(networks)})


def read_model(folder: Path) -> TrainedModel:
    """Read a model's folder.

    Raises:
        UserError: a file is missing or damaged, or the model is of another competition.
    """
    with reading_model(folder, NAME) as (record, families):
        return TrainedModel(
            networks=families[NETWORK].files,
            calibration=Calibration(**record["calibration"]),
            classes=(record["classes"][0], record["classes"][1]),
            min_readers=record["min_readers"],
            volumes=VolumeFormat.from_json(record["volumes"]),
            training_scans=frozenset(record["training_scans"]),
        )
