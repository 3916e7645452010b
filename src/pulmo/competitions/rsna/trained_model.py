"""What `model/` holds: everything that inference needs, and nothing from outside it.

```
ensemble.json                          picture size, fitted values, how each family predicts, the estimate ± error
<segmenter|detector|classifier|lungs>/ fold0.keras …, of the families there are
```
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pulmo.training.model_folder import fold_networks, reading_record, write_record

NAME = "rsna"
FAMILIES = "families"


class Family(NamedTuple):
    """The networks of one kind: their `files`, of a family that was left out none; with `tta_flip` the mean over the
    image and its mirror image is predicted, as it was when the networks were validated."""

    files: tuple[Path, ...]
    tta_flip: bool


class TrainedModel(NamedTuple):
    """A model read from its folder; `networks` by the family's name."""

    pixels: int
    fitted: dict[str, float]
    networks: dict[str, Family]


def write_model(folder: Path, record: dict[str, Any], families: Mapping[str, tuple[Path, bool]]) -> None:
    """Put a model together in an empty folder: `ensemble.json`, and each family's networks.

    Args:
        folder: empty.
        record: what `ensemble.json` says besides.
        families: each one's folder of networks, and its `tta_flip`.
    """
    counts = {name: len(list(source.glob("*.keras"))) for name, (source, _) in families.items()}
    described = {name: {"networks": counts[name], "tta_flip": flip} for name, (_, flip) in families.items()}
    write_record(folder, NAME, {**record, FAMILIES: described})
    for name, (source, _) in families.items():
        if counts[name]:
            shutil.copytree(source, folder / name)


def read_model(folder: Path) -> TrainedModel:
    """Read a model's folder.

    Raises:
        UserError: a file is missing or damaged, or the model is of another competition.
    """
    with reading_record(folder, NAME) as record:
        networks = {
            name: Family(fold_networks(folder / name, family["networks"]), family["tta_flip"])
            for name, family in record[FAMILIES].items()
        }
        return TrainedModel(record["pixels"], record["fitted"], networks)
