"""Test images predicted by the mean of a model's networks, part after part; what is predicted survives a kill."""

from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from pulmo.phantom.radiograph_dicom import PatientHeader
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import ImageFormat, cache_images
from pulmo.radiographs.inference import NetworkImages
from pulmo.radiographs.phantom import cut_short, write_image
from pulmo.training import parts
from pulmo.training.inference import MeanPredictor, OutputPredictor, Predictions
from tests.radiographs.support import stage_of

HEADER = PatientHeader("p", "50", "F", "PA", "0.143", "1.2.1", "1.2.2", "1.2.3")


def brightness(path: Path, factor: float) -> Path:
    """A network whose output is the image's mean, times a factor."""
    image = keras.Input((8, 8), dtype="uint8", name="image")
    mean = keras.ops.mean(keras.ops.cast(image, "float32"), (1, 2))[:, None]
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(factor))
    keras.Model({"image": image}, dense(mean)).save(path)
    return path


def networks_of(folder: Path) -> list[Path]:
    return [brightness(folder / f"fold{number}.keras", factor) for number, factor in enumerate((1.0, 3.0))]


def means(part: np.ndarray, predicted: Predictions) -> dict[str, pd.DataFrame]:
    return {"means": pd.DataFrame({"place": part, "mean": predicted["mean"][:, 0]})}


def test_the_mean_of_the_networks_for_the_readable_images_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {name: tmp_path / f"{name}.png" for name in ("b", "broken", "a")}
    for level, path in zip((20, 30, 10), files.values(), strict=True):
        write_image(path, np.full((16, 16), level, np.uint8), HEADER)
    cut_short(files["broken"])
    predictor = partial(MeanPredictor, networks_of(tmp_path), predictor=partial(OutputPredictor, name="mean"))

    def predicted(stage: Stage) -> list[float]:
        headers = cache_images(stage, "images", files, ImageFormat(8))
        assert headers["error"].notna().to_dict() == {"b": False, "broken": True, "a": False}
        return list(NetworkImages.of(stage, headers).predict("networks", predictor, means)["means"]["mean"])

    stage = stage_of(tmp_path, tmp_path / "work", monkeypatch)
    assert predicted(stage) == [40, 20]
    for network in predictor.args[0]:
        network.unlink()
    assert predicted(stage) == [40, 20]  # from the checkpoint


def test_a_stage_that_is_stopped_goes_on_with_the_parts_that_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 1)  # of 64 rows then
    stage = stage_of(tmp_path, tmp_path / "work", monkeypatch)
    np.save(stage.workspace / "images.npy", np.arange(150, dtype=np.uint8)[:, None, None].repeat(8, 1).repeat(8, 2))
    rows = np.arange(149, -1, -1)
    images = NetworkImages(stage, rows)
    predictor = partial(MeanPredictor, networks_of(tmp_path), predictor=partial(OutputPredictor, name="mean"))
    finished: list[int] = []

    def stopping(part: np.ndarray, predicted: Predictions) -> dict[str, pd.DataFrame]:
        if len(finished) == 1:
            raise KeyboardInterrupt
        finished.append(len(part))
        return means(part, predicted)

    with pytest.raises(KeyboardInterrupt):
        images.predict("networks", predictor, stopping)
    assert [path.name for path in stage.workspace.rglob("*.npy")] == ["images.npy"]  # no predictions of pixels are left

    def going_on(part: np.ndarray, predicted: Predictions) -> dict[str, pd.DataFrame]:
        finished.append(len(part))
        return means(part, predicted)

    found = images.predict("networks", predictor, going_on)["means"]
    assert finished == [64, 64, 22]
    assert found["place"].tolist() == found.index.tolist() == list(range(150))
    assert found["mean"].tolist() == [2.0 * row for row in rows]  # the mean of 1 and 3 times the image


def test_without_a_readable_image_there_is_nothing_to_predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of(tmp_path, tmp_path / "work", monkeypatch)
    np.save(stage.workspace / "images.npy", np.zeros((2, 8, 8), np.uint8))
    predictor = partial(MeanPredictor, networks_of(tmp_path), predictor=partial(OutputPredictor, name="mean"))
    found = NetworkImages(stage, np.arange(0)).predict("networks", predictor, means)
    assert len(found["means"]) == 0
