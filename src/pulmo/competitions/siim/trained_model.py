"""What `model/` holds: everything that inference needs, and nothing from outside it.

```
ensemble.json              thresholds, size of the pictures, the estimate ± error
networks/fold0.keras …     a Keras network a fold
```
"""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

from pulmo.competitions.siim.thresholds import Thresholds
from pulmo.training.model_folder import fold_networks, reading_record, write_record

NAME, NETWORK = "siim", "networks"


class TrainedModel(NamedTuple):
    """A model read from its folder; `networks` are files, not yet read, for it takes Keras to do that.

    Their input is images of `pixels` a side, equalised by CLAHE of `clahe_clip_limit` (0: not at all); with `tta_flip`
    predictions are averaged over the mirror image.
    """

    networks: tuple[Path, ...]
    thresholds: Thresholds
    pixels: int
    clahe_clip_limit: float
    tta_flip: bool


def write_model(folder: Path, record: dict[str, Any], networks: Path) -> None:
    """Put a model together: `ensemble.json` and the folder of networks, into a folder that is there."""
    write_record(folder, NAME, record)
    shutil.copytree(networks, folder / NETWORK, dirs_exist_ok=True)


def read_model(folder: Path) -> TrainedModel:
    """Read a model's folder.

    Raises:
        UserError: a file is missing or damaged, or the model is of another competition.
    """
    with reading_record(folder, NAME) as record:
        networks = fold_networks(folder / NETWORK, record["networks"])
        return TrainedModel(
            networks,
            Thresholds(**record["thresholds"]),
            record["pixels"],
            record["clahe_clip_limit"],
            record["tta_flip"],
        )
