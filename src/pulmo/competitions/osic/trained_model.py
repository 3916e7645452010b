"""What OSIC's `model/` holds; see `pulmo.pipeline.model_folder`.

```
ensemble.json            weights, Confidence, CT columns and their source, the estimate ± error
ct_statistics.parquet    only where the CT statistics were published by others and cannot be measured again
gbm/                     LightGBM text, a file a quantile
linear/<name>.json       a linear model: coefficients, medians for unknown values, scales
cnn/fold0.keras …        networks, one a fold
```
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.osic.confidence import Confidence
from pulmo.competitions.osic.ensemble import Ensemble
from pulmo.imaging.lung_slices import SliceFormat
from pulmo.models.quantiles import QuantileModel
from pulmo.pipeline import model_folder
from pulmo.pipeline.model_folder import Source, reading_model
from pulmo.training.checkpoints import load_gbm, load_linear

NAME, STATISTICS = "osic", "ct_statistics.parquet"
BOOSTERS, LINEAR, NETWORK = FAMILIES = ("gbm", "linear", "cnn")


class TrainedModel(NamedTuple):
    """A model read from its folder.

    Attributes:
        names: of all models, in the order of the ensemble's weights.
        models: the tabular models, by name.
        networks: files of the fold networks, if the ensemble has any; not yet read, for it takes Keras to do that.
        ensemble: weights and Confidence.
        ct_columns: the CT statistics among the features.
        slice_format: the networks' input.
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
    folder: Path, record: Mapping[str, Any], families: Mapping[str, Path], published: pd.DataFrame | None = None
) -> None:
    """Write a model into an empty folder.

    Args:
        folder: is there, and empty.
        record: goes into `ensemble.json`: see `ensemble_record`, and whatever else is worth keeping.
        families: the folder of models of each of FAMILIES.
        published: CT statistics by others, indexed by `patient`.
    """
    sources = {name: Source(models) for name, models in families.items()}
    model_folder.write_model(folder, NAME, record, sources)
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
    with reading_model(folder, NAME) as (record, families):
        published = pd.read_parquet(folder / STATISTICS) if record["ct_source"]["kind"] == "published" else None
        names = tuple(record["weights"])
        return TrainedModel(
            names=names,
            models={name: _table_model(folder, name) for name in names if name != NETWORK},
            networks=families[NETWORK].files if NETWORK in names else (),
            ensemble=Ensemble(np.array(list(record["weights"].values())), Confidence(**record["confidence"])),
            ct_columns=tuple(record["ct_columns"]),
            slice_format=SliceFormat(**record["slice_format"]),
            ct_source=record["ct_source"],
            published=published,
        )


def _table_model(folder: Path, name: str) -> QuantileModel:
    return load_gbm(folder / BOOSTERS) if name == BOOSTERS else load_linear(folder / LINEAR / f"{name}.json")
