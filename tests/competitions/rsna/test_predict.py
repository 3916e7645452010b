"""Prediction asks the networks as they were asked when they were validated."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulmo.competitions.rsna.predict import ask_networks
from pulmo.competitions.rsna.trained_model import read_model
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.stage import load
from pulmo.training import boxes, masks
from pulmo.training.device import computing_on
from tests.competitions.rsna.support import run_of

FLIPS = {"lungs": False, "classifier": True, "segmenter": False, "detector": False}


def test_the_model_carries_whether_mirror_images_are_asked_too(
    finished: Run, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(
        drawn / "data",
        tmp_path / "work",
        *(f"train_{name}.mirrored={str(flip).lower()}" for name, flip in FLIPS.items()),
    )
    for stage in ("features", "train_lungs", "train_classifier"):
        shutil.copytree(finished.paths.stage(stage), run.paths.stage(stage))
    list(run_stages(run, run.competition.stages[:-1]))
    model = read_model(output(run, "fit_ensemble/model"))
    assert {name: family.tta_flip for name, family in model.networks.items()} == FLIPS
    model = model._replace(fitted={**model.fitted, "lungs": 0.2})  # so that lungs are asked about
    asked: list[tuple[str, bool]] = []
    for predictor in (masks.MaskPredictor, boxes.BoxPredictor):

        def init(self: Any, network: Any, *rest: Any, real: Any = predictor.__init__, **more: Any) -> None:
            asked.append((type(self).__name__, rest[-1]))
            real(self, network, *rest, **more)

        monkeypatch.setattr(predictor, "__init__", init)
    patients = load(output(run, "features/patients"))
    held = np.flatnonzero((patients["fold"] == 0) & patients["error"].isna())
    images = np.asarray(load(output(run, "features/images")))[held]
    about = patients.iloc[held].reset_index(drop=True)
    with computing_on("cpu"):
        ask_networks(model, images, about)
        alone = model._replace(
            networks={name: family._replace(files=family.files[:1]) for name, family in model.networks.items()}
        )
        predictions = ask_networks(alone, images, about)
    assert asked[:4] == [("MaskPredictor", False)] * 2 + [("BoxPredictor", False), ("MaskPredictor", True)]
    # The network of fold 0 says of its own fold at prediction what it said when it was validated.
    said = load(output(run, "train_classifier/out_of_fold")).set_index("patient")["probability"]
    assert predictions.probability == pytest.approx(said.loc[about["patient"]].to_numpy(), abs=1e-5)
    table = load(output(run, "train_detector/out_of_fold"))
    before = table[table["patient"].isin(about["patient"])]["confidence"]
    assert np.sort(predictions.routes["detector"].boxes.confidence) == pytest.approx(np.sort(before), abs=1e-5)
