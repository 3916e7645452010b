"""What `model/` holds: everything that inference needs, and nothing from outside it.

```
ensemble.json            temperature, prior, classes, what volumes look like, who was learned from, the estimate ± error
models/cnn/fold0.keras…  the networks, one a fold
```
"""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.models.calibration import calibrated
from pulmo.training.model_folder import fold_networks, reading_record, write_record

NAME, MODELS = "dsb", "models"
NETWORK, COUNT = "cnn", "networks"


class Calibration(NamedTuple):
    """Logits → probabilities: see `calibrated`. `base_rate` is what is said of a scan that cannot be read."""

    temperature: float
    prior_logit: float
    base_rate: float

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """(scans,) → (scans,); NaN, nothing known, becomes the base rate."""
        known = np.isfinite(logits)
        said = calibrated(np.where(known, logits, 0), self.temperature, self.prior_logit)
        return np.where(known, said, self.base_rate)


class TrainedModel(NamedTuple):
    """A model read from its folder.

    Attributes:
        networks: their files, not yet read, for it takes Keras to do that.
        calibration: of the mean of their logits.
        classes: what 0 and 1 mean.
        min_readers: of LIDC-IDRI, how many readers make a nodule.
        volumes: what the networks see of a scan.
        training_scans: ids of the scans that were there to learn from, also of those that could not be read.
    """

    networks: tuple[Path, ...]
    calibration: Calibration
    classes: tuple[str, str]
    min_readers: int
    volumes: VolumeFormat
    training_scans: frozenset[str]


def write_model(folder: Path, record: dict[str, Any], networks: Path) -> None:
    """Put a model together in an empty folder: `record` is `ensemble.json`, `networks` the folder of the models."""
    shutil.copytree(networks, folder / MODELS)
    write_record(folder, NAME, {**record, COUNT: len(list((networks / NETWORK).glob("*.keras")))})


def read_model(folder: Path) -> TrainedModel:
    """Read a model's folder.

    Raises:
        UserError: a file is missing or damaged, or the model is of another competition.
    """
    with reading_record(folder, NAME) as record:
        return TrainedModel(
            networks=fold_networks(folder / MODELS / NETWORK, record[COUNT]),
            calibration=Calibration(**record["calibration"]),
            classes=(record["classes"][0], record["classes"][1]),
            min_readers=record["min_readers"],
            volumes=VolumeFormat.from_json(record["volumes"]),
            training_scans=frozenset(record["training_scans"]),
        )
