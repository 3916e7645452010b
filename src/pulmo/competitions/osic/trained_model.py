"""What `model/` holds: everything that inference needs, and nothing from outside it.

```
ensemble.json            weights, Confidence, CT columns and their source, the estimate ± error
ct_statistics.parquet    only when the statistics were published by others: nothing else could know them
models/<name>/fold0…     a folder of LightGBM text, or JSON with coefficients, medians for what is unknown, scales
```
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.osic.ensemble import Confidence, Ensemble
from pulmo.errors import Fault, UserError
from pulmo.models.quantiles import QuantileModel
from pulmo.training.model_files import load_gbm, load_linear

ENSEMBLE, STATISTICS, MODELS = "ensemble.json", "ct_statistics.parquet", "models"


class TrainedModel(NamedTuple):
    """A model read from its folder.

    Attributes:
        models: the fold models of each family, in the order of the ensemble's weights.
        ensemble: weights and Confidence.
        ct_columns: the CT statistics that the models see.
        ct_source: `kind` none, own or published; the last with `file` and `sha256`.
        published: statistics of the patients that were published with them, indexed by `patient`; else None.
    """

    models: dict[str, tuple[QuantileModel, ...]]
    ensemble: Ensemble
    ct_columns: tuple[str, ...]
    ct_source: dict[str, str]
    published: pd.DataFrame | None


def write_model(
    folder: Path, record: dict[str, Any], families: Sequence[Path], published: pd.DataFrame | None = None
) -> None:
    """Put a model together.

    Args:
        folder: empty.
        record: `ensemble.json`, as `ensemble_record` makes it with whatever else is worth keeping.
        families: folders that hold, by model name, the fold models.
        published: CT statistics by others, indexed by `patient`.
    """
    (folder / ENSEMBLE).write_text(json.dumps(record, indent=2, allow_nan=False) + "\n")
    for family in families:
        shutil.copytree(family, folder / MODELS, dirs_exist_ok=True)
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
        UserError: a file is missing.
    """
    try:
        record = json.loads((folder / ENSEMBLE).read_text())
        published = pd.read_parquet(folder / STATISTICS) if record["ct_source"]["kind"] == "published" else None
        models = {name: _fold_models(folder / MODELS / name) for name in record["weights"]}
    except FileNotFoundError as error:
        missing = Fault(
            str(error.filename or folder), "is missing from the model", "Copy the whole of model/, or train"
        )
        raise UserError(missing) from None
    ensemble = Ensemble(np.array(list(record["weights"].values())), Confidence(**record["confidence"]))
    return TrainedModel(models, ensemble, tuple(record["ct_columns"]), record["ct_source"], published)


def _fold_models(folder: Path) -> tuple[QuantileModel, ...]:
    folds = sorted(folder.iterdir(), key=lambda path: int(path.stem.removeprefix("fold")))
    return tuple(load_gbm(path) if path.is_dir() else load_linear(path) for path in folds)
