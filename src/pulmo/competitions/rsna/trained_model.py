"""What `model/` holds: everything that inference needs, and nothing from outside it.

```
ensemble.json                          picture size, fitted values, the estimate ± error
<segmenter|detector|classifier|lungs>/ fold0.keras …, of the families there are
```
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pulmo.errors import Fault, UserError

ENSEMBLE = "ensemble.json"
FAMILIES = "families"


class TrainedModel(NamedTuple):
    """A model read from its folder; `networks` are files by family, a family that was left out having none."""

    pixels: int
    fitted: dict[str, float]
    networks: dict[str, tuple[Path, ...]]


def write_model(folder: Path, record: dict[str, Any], families: Mapping[str, Path]) -> None:
    """Put a model together in an empty folder: `ensemble.json`, and each family's folder of networks."""
    counts = {name: len(list(source.glob("*.keras"))) for name, source in families.items()}
    (folder / ENSEMBLE).write_text(json.dumps({**record, FAMILIES: counts}, indent=2, allow_nan=False) + "\n")
    for name, source in families.items():
        if counts[name]:
            shutil.copytree(source, folder / name)


def read_model(folder: Path) -> TrainedModel:
    """Read a model's folder.

    Raises:
        UserError: a file is missing.
    """
    record = json.loads((folder / ENSEMBLE).read_text())
    networks = {
        name: tuple(folder / name / f"fold{number}.keras" for number in range(count))
        for name, count in record[FAMILIES].items()
    }
    missing = [file for files in networks.values() for file in files if not file.is_file()]
    if missing:
        remedy = "Copy the whole of model/, or train"
        raise UserError(Fault(str(file), "is missing from the model", remedy) for file in missing)
    return TrainedModel(record["pixels"], record["fitted"], networks)
