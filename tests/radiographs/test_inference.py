"""Test images predicted by the mean of a model's networks; after a kill nothing is predicted again."""

from pathlib import Path

import keras
import numpy as np
import pytest

from pulmo.phantom.radiograph_dicom import PatientHeader
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import ImageFormat
from pulmo.radiographs.inference import predict_images
from pulmo.radiographs.phantom import cut_short, write_image
from pulmo.training.inference import OutputPredictor
from tests.radiographs.support import stage_of

HEADER = PatientHeader("p", "50", "F", "PA", "0.143", "1.2.1", "1.2.2", "1.2.3")


def brightness(path: Path, factor: float) -> Path:
    """A network whose output is the image's mean, times a factor."""
    image = keras.Input((8, 8), dtype="uint8", name="image")
    mean = keras.ops.mean(keras.ops.cast(image, "float32"), (1, 2))[:, None]
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(factor))
    keras.Model({"image": image}, dense(mean)).save(path)
    return path


def test_the_mean_of_the_networks_in_the_order_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: tmp_path / f"{name}.png" for name in ("b", "a", "broken")}
    for level, path in zip((20, 10, 30), files.values(), strict=True):
        write_image(path, np.full((16, 16), level, np.uint8), HEADER)
    cut_short(files["broken"])
    networks = [brightness(tmp_path / f"fold{number}.keras", factor) for number, factor in enumerate((1.0, 3.0))]

    def predicted(stage: Stage) -> list[float]:
        headers, found = predict_images(stage, files, ImageFormat(8), networks, lambda n: OutputPredictor(n, "mean"))
        assert headers["error"].notna().to_dict() == {"b": False, "a": False, "broken": True}
        return list(found["mean"][:, 0])

    stage = stage_of(tmp_path, tmp_path / "work", monkeypatch)
    assert predicted(stage) == [40, 20, 0]
    for network in networks:
        network.unlink()
    assert predicted(stage) == [40, 20, 0]  # from the checkpoint
