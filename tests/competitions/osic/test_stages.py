"""All stages after `features`: what they leave, and that they end with the same bytes however they got there."""

import hashlib
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.osic import train_gbm, train_linear
from pulmo.competitions.osic.trained_model import read_model
from pulmo.errors import UserError
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.stage import load
from tests.competitions.osic.support import run_of

MODELS = ["gbm", "huber", "elastic_net", "lines"]


def bytes_of(run: Run) -> dict[str, str]:
    """Digest of every file that the stages left, but for the manifests, which hold the time it took."""
    folders = [run.paths.stage(spec.name) for spec in run.competition.stages]
    files = [
        path for folder in folders for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"
    ]
    return {
        path.relative_to(run.paths.work).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def test_every_model_predicts_every_later_visit_once_out_of_fold(finished: Run) -> None:
    later = load(output(finished, "features/visit_pairs")).query("is_baseline_pair")
    tables = [load(output(finished, f"{stage}/out_of_fold")) for stage in ("train_gbm", "train_linear")]
    table = pd.concat(tables)
    assert table["model"].drop_duplicates().to_list() == MODELS
    for model in MODELS:
        rows = table[table["model"] == model]
        assert rows[["patient", "visit_to"]].to_numpy().tolist() == later[["patient", "visit_to"]].to_numpy().tolist()
    quantiles = table[["q20_ml", "q50_ml", "q80_ml"]].to_numpy()
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles) >= 0).all()


def test_the_model_records_what_it_is(finished: Run) -> None:
    folder = output(finished, "fit_ensemble/model")
    record = load(folder / "ensemble.json")
    assert list(record["weights"]) == MODELS
    assert sum(record["weights"].values()) == pytest.approx(1)
    assert record["ct_source"] == {"kind": "none"}
    assert record["estimate"] == load(output(finished, "fit_ensemble/estimate"))
    assert record["estimate"]["visits_scored"] == 24 * 3
    assert -8 < record["estimate"]["score"] < -5
    assert record["estimate"]["standard_error"] > 0
    assert list(read_model(folder).models) == MODELS


@pytest.mark.parametrize(
    ("module", "name", "fits"), [(train_gbm, "fit_quantile_gbm", 4), (train_linear, "fit_robust_linear", 12)]
)
def test_interrupted_in_a_fold_it_does_none_twice_and_ends_with_the_same_bytes(
    finished: Run,
    tables: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    name: str,
    fits: int,
) -> None:
    fit, calls = getattr(module, name), []

    def fit_or_stop(*args: Any, **more: Any) -> Any:
        calls.append(name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fit(*args, **more)

    monkeypatch.setattr(module, name, fit_or_stop)
    run = run_of(tables, tmp_path / "work")
    with pytest.raises(KeyboardInterrupt):
        list(run_stages(run, run.competition.stages))
    list(run_stages(run, run.competition.stages))
    assert len(calls) == fits + 1
    assert bytes_of(run) == bytes_of(finished)


def test_another_seed_gives_other_folds(finished: Run, tables: Path, tmp_path: Path) -> None:
    run = run_of(tables, tmp_path / "work", seed=1)
    list(run_stages(run, [run.competition.stage("features")]))
    first, second = load(output(finished, "features/folds")), load(output(run, "features/folds"))
    assert (first["fold"] != second["fold"]).any()


def test_a_model_with_a_part_missing_is_refused_by_name(finished: Run, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(output(finished, "fit_ensemble/model"), folder)
    (folder / "gbm/q50.txt").unlink()
    with pytest.raises(UserError, match=r"q50\.txt: is missing from the model"):
        read_model(folder)
