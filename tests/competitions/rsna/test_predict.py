"""Prediction uses the test-time augmentation that the networks were validated with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulmo.competition import StageSpec
from pulmo.competitions.rsna.predict import predict_networks
from pulmo.competitions.rsna.trained_model import read_model
from pulmo.pipeline.runner import Run, output
from pulmo.pipeline.stage import Stage, load, save
from pulmo.radiographs.inference import NetworkImages
from pulmo.training import inference
from tests.competitions.rsna.support import FLIPS


def test_the_model_records_the_test_time_augmentation(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = read_model(output(finished, "fit_ensemble/model"))
    assert {name: family.tta_flip for name, family in model.networks.items()} == FLIPS
    model = model._replace(fitted={**model.fitted, "lungs": 0.2})  # so that lungs are predicted
    flips: list[tuple[str, bool]] = []
    for predictor in (inference.MaskPredictor, inference.BoxPredictor):

        def init(
            self: Any, network: Any, tta_flip: bool, *rest: Any, real: Any = predictor.__init__, **more: Any
        ) -> None:
            flips.append((type(self).__name__, tta_flip))
            real(self, network, tta_flip, *rest, **more)

        monkeypatch.setattr(predictor, "__init__", init)
    image_table = load(output(finished, "features/image_table"))
    held = np.flatnonzero((image_table["fold"] == 0) & image_table["error"].isna())
    about = image_table.iloc[held].reset_index(drop=True)

    def images_of(folder: Path) -> NetworkImages:
        folder.mkdir()
        save(folder / "images", load(output(finished, "features/images")))
        return NetworkImages(Stage(StageSpec("predict", ""), 0, folder, {}, folder, device="cpu"), held)

    predict_networks(model, images_of(tmp_path / "all"), about)
    alone = model._replace(
        networks={name: family._replace(files=family.files[:1]) for name, family in model.networks.items()}
    )
    predictions = predict_networks(alone, images_of(tmp_path / "alone"), about)
    segmenter, detector, classifier, lungs = flips[:4]
    assert (segmenter, detector) == (("MaskPredictor", False), ("BoxPredictor", False))
    assert (classifier, lungs) == (("MaskPredictor", True), ("MaskPredictor", False))
    # The network of fold 0 predicts its own fold as it did when it was validated.
    expected = load(output(finished, "train_classifier/out_of_fold")).set_index("image")["probability"]
    assert predictions.probability == pytest.approx(expected.loc[about["image"]].to_numpy(), abs=1e-5)
    table = load(output(finished, "train_detector/out_of_fold"))
    before = table[table["image"].isin(about["image"])]["confidence"]
    assert np.sort(predictions.routes["detector"].boxes.confidence) == pytest.approx(np.sort(before), abs=1e-5)
