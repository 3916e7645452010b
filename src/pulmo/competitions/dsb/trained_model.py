"""What `model/` holds: everything that inference needs, and nothing from outside it.

```
ensemble.json            temperature, prior, classes, what volumes look like, who was learned from, the estimate ± error
models/cnn/fold0.keras…  the networks, one a fold
```
"""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.errors import Fault, UserError
from pulmo.models.calibration import calibrated

ENSEMBLE, MODELS = "ensemble.json", "models"
NETWORK = "cnn"


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
        volumes: what the networks see of a scan.
        learned: ids of the scans that were learned from.
    """

    networks: tuple[Path, ...]
    calibration: Calibration
    classes: tuple[str, str]
    volumes: VolumeFormat
    learned: frozenset[str]


def write_model(folder: Path, record: dict[str, Any], networks: Path) -> None:
    """Put a model together in an empty folder: `record` is `ensemble.json`, `networks` the folder of the models."""
    (folder / ENSEMBLE).write_text(json.dumps(record, indent=2, allow_nan=False) + "\n")
    shutil.copytree(networks, folder / MODELS)


def read_model(folder: Path) -> TrainedModel:
    """Read a model's folder.

    Raises:
        UserError: a file is missing.
    """
    try:
        record = json.loads((folder / ENSEMBLE).read_text())
        files = sorted((folder / MODELS / NETWORK).iterdir(), key=lambda path: int(path.stem.removeprefix("fold")))
    except FileNotFoundError as error:
        remedy = "Copy the whole of model/, or train"
        raise UserError(Fault(str(error.filename or folder), "is missing from the model", remedy)) from None
    return TrainedModel(
        networks=tuple(files),
        calibration=Calibration(**record["calibration"]),
        classes=(record["classes"][0], record["classes"][1]),
        volumes=VolumeFormat.from_json(record["volumes"]),
        learned=frozenset(record["learned"]),
    )
