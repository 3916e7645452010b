"""Fitted models ↔ files that a person can read: LightGBM's text and JSON, exact to the last bit."""

import json
from pathlib import Path

import lightgbm
import numpy as np

from pulmo.models.quantile_gbm import QuantileGbm
from pulmo.models.quantiles import QUANTILES
from pulmo.models.robust_linear import LinearQuantiles, Standardisation

_BOOSTER_NAMES = [f"q{round(100 * quantile)}.txt" for quantile in QUANTILES]


def save_gbm(model: QuantileGbm, folder: Path) -> None:
    """Write the boosters into a folder that exists, as `q20.txt`, `q50.txt` and `q80.txt`."""
    for name, booster in zip(_BOOSTER_NAMES, model.boosters, strict=True):
        (folder / name).write_text(booster.model_to_string())


def load_gbm(folder: Path) -> QuantileGbm:
    """Read what `save_gbm` wrote. Raises ValueError where a file is damaged."""
    return QuantileGbm(tuple(_load_booster(folder / name) for name in _BOOSTER_NAMES))


def _load_booster(path: Path) -> lightgbm.Booster:
    try:
        return lightgbm.Booster(model_str=path.read_text())
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(f"{path}: {error}") from None


def save_linear(model: LinearQuantiles, path: Path) -> None:
    """Write a linear model as JSON."""
    values = {
        "standardisation": model.standardisation.as_lists(),
        "intercepts": model.intercepts.tolist(),
        "coefficients": model.coefficients.tolist(),
    }
    path.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n")


def load_linear(path: Path) -> LinearQuantiles:
    """Read what `save_linear` wrote."""
    values = json.loads(path.read_text())
    return LinearQuantiles(
        Standardisation.of_lists(values["standardisation"]),
        np.array(values["intercepts"]),
        np.array(values["coefficients"]),
    )
