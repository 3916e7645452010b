"""What `model/` holds: everything that inference needs, and nothing from outside it.

```
ensemble.json              thresholds, size of the pictures, the estimate ± error
networks/fold0.keras …     a Keras network a fold
```
"""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from pulmo.competitions.siim.thresholds import Thresholds
from pulmo.errors import Fault, UserError

ENSEMBLE, NETWORK = "ensemble.json", "networks"


class TrainedModel(NamedTuple):
    """A model read from its folder; `networks` are files, not yet read, for it takes Keras to do that.

    `pixels` a side with `contrast` evened out are what they see, the mirror image too if `mirrored`.
    """

    networks: tuple[Path, ...]
    thresholds: Thresholds
    pixels: int
    contrast: float
    mirrored: bool


def write_model(folder: Path, record: dict[str, Any], networks: Path) -> None:
    """Put a model together: `ensemble.json` and the folder of networks, into a folder that is there."""
    (folder / ENSEMBLE).write_text(json.dumps(record, indent=2, allow_nan=False) + "\n")
    shutil.copytree(networks, folder / NETWORK, dirs_exist_ok=True)


def read_model(folder: Path) -> TrainedModel:
    """Read a model's folder.

    Raises:
        UserError: a file is missing.
    """
    try:
        record = json.loads((folder / ENSEMBLE).read_text())
    except FileNotFoundError as error:
        missing = Fault(str(error.filename), "is missing from the model", "Copy the whole of model/, or train")
        raise UserError(missing) from None
    networks = tuple(folder / NETWORK / f"fold{number}.keras" for number in range(record["networks"]))
    missing_files = [path for path in networks if not path.is_file()]
    if missing_files:
        raise UserError(
            Fault(str(path), "is missing from the model", "Copy the whole of model/, or train")
            for path in missing_files
        )
    return TrainedModel(
        networks, Thresholds(**record["thresholds"]), record["pixels"], record["contrast"], record["mirrored"]
    )
