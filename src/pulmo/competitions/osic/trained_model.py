"""What `model/` holds: everything that inference needs, and nothing from outside it.

```
ensemble.json            weights, Confidence, CT columns and their source, the estimate ± error
ct_statistics.parquet    only when the statistics were published by others: nothing else could know them
models/gbm/              LightGBM text, a file a quantile
models/<name>.json       a linear model: coefficients, medians for what is unknown, scales
models/cnn/fold0.keras…  networks, one a fold
```
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.osic.confidence import Confidence
from pulmo.competitions.osic.ensemble import Ensemble
from pulmo.imaging.lung_slices import SliceFormat
from pulmo.models.quantiles import QuantileModel
from pulmo.training.checkpoints import load_gbm, load_linear
from pulmo.training.model_folder import fold_networks, reading_record, write_record

NAME, STATISTICS, MODELS = "osic", "ct_statistics.parquet", "models"
NETWORK, COUNT = "cnn", "networks"


class TrainedModel(NamedTuple):
    """A model read from its folder.

    Attributes:
        names: of all models, in the order of the ensemble's weights.
        models: those that learn from tables.
        networks: files of the fold networks, if the ensemble has any; not yet read, for it takes Keras to do that.
        ensemble: weights and Confidence.
        ct_columns: the CT statistics that the models see.
        slice_format: what the networks see of a scan.
        ct_source: `kind` none, own or published; the last with `file` and `sha256`.
        published: statistics of the patients that were published with them, indexed by `patient`; else None.
    """

    names: tuple[str, ...]
    models: dict[str, QuantileModel]
    networks: tuple[Path, ...]
    ensemble: Ensemble
    ct_columns: tuple[str, ...]
    slice_format: SliceFormat
    ct_source: dict[str, str]
    published: pd.DataFrame | None


def write_model(
    folder: Path, record: dict[str, Any], families: Sequence[Path], published: pd.DataFrame | None = None
) -> None:
    """Put a model together.

    Args:
        folder: empty.
        record: `ensemble.json`, as `ensemble_record` makes it with whatever else is worth keeping.
        families: folders that hold, by model name, the models.
        published: CT statistics by others, indexed by `patient`.
    """
    for family in families:
        shutil.copytree(family, folder / MODELS, dirs_exist_ok=True)
    networks = len(list((folder / MODELS / NETWORK).glob("*.keras")))
    write_record(folder, NAME, {**record, COUNT: networks})
    if published is not None:
        published.to_parquet(folder / STATISTICS)


def ensemble_record(names: Sequence[str], ensemble: Ensemble) -> dict[str, Any]:
    """An ensemble as JSON."""
    return {
        "weights": dict(zip(names, ensemble.weights.tolist(), strict=True)),
        "confidence": ensemble.confidence._asdict(),
    }


def read_model(folder: Path) -> TrainedModel:
    """Read a model's folder.

    Raises:
        UserError: a file is missing or damaged, or the model is of another competition.
    """
    with reading_record(folder, NAME) as record:
        published = pd.read_parquet(folder / STATISTICS) if record["ct_source"]["kind"] == "published" else None
        names = tuple(record["weights"])
        return TrainedModel(
            names=names,
            models={name: _table_model(folder / MODELS, name) for name in names if name != NETWORK},
            networks=fold_networks(folder / MODELS / NETWORK, record[COUNT]) if NETWORK in names else (),
            ensemble=Ensemble(np.array(list(record["weights"].values())), Confidence(**record["confidence"])),
            ct_columns=tuple(record["ct_columns"]),
            slice_format=SliceFormat(**record["slice_format"]),
            ct_source=record["ct_source"],
            published=published,
        )


def _table_model(folder: Path, name: str) -> QuantileModel:
    return load_gbm(folder / name) if (folder / name).is_dir() else load_linear(folder / f"{name}.json")
