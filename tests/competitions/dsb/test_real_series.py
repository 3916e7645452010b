"""Real chest CTs through everything that prediction does, by a network that has learned nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.dsb.cnn import network_of
from pulmo.competitions.dsb.trained_model import Calibration, write_model
from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.imaging.network_volume import NODULE_ENHANCED_HU
from pulmo.training.device import computing_on
from tests.competitions.dsb.support import settings_of
from tests.support import run_pulmo

pytestmark = pytest.mark.slow

CHESTS, HEAD = ("chest_philips_5mm", "chest_siemens_8mm_30"), "head_ge_tilt"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    settings = settings_of("features.size=[10,25,25]", "features.channels=['mean','nodule_enhanced']")
    wanted = VolumeFormat("CT", settings.features.lung_format())
    (tmp_path / "models").mkdir()
    with computing_on("cpu"):
        network = network_of(settings.train_cnn, wanted)
        network.set_weights([np.full(weight.shape, 0.01) for weight in network.get_weights()])
        network.save(tmp_path / "models" / "fold0.keras")
    (tmp_path / "model").mkdir()
    record = {
        "calibration": Calibration(1.0, 0.0, 0.3)._asdict(),
        "classes": ["no cancer", "cancer"],
        "volumes": wanted.to_json(),
        "min_readers": 1,
        "training_scans": [],
    }
    write_model(tmp_path / "model", record, tmp_path / "models")
    return tmp_path / "model"


def test_chests_get_a_probability_and_a_head_the_base_rate(
    shared_data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (*CHESTS, HEAD):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).symlink_to(shared_data / "ct" / name)
    places = ("--model", model, "--work", tmp_path / "work", "--out", tmp_path / "out")
    code, out, err = run_pulmo(capsys, "dsb", "predict", "--data", tmp_path / "data", *places)
    assert code == 0
    said = pd.read_csv(tmp_path / "out/submission.csv").set_index("id")["cancer"]
    assert said.index.tolist() == [*CHESTS, HEAD]
    assert f"The scan {HEAD} is left out" in err
    assert "no lungs in this scan" in err
    assert said[HEAD] == 0.3
    volumes = np.load(tmp_path / "work/predict/volumes.npy")
    assert volumes.shape == (len(CHESTS), 10, 25, 25, 2)
    for volume in volumes:
        lungs = volume[..., 0] > -1000
        assert 0.2 < lungs.mean() < 0.9
        assert -900 < np.median(volume[..., 0][lungs]) < -500
        enhanced = volume[..., 1]
        assert (enhanced[enhanced > -1024] > NODULE_ENHANCED_HU).all()
        assert 0 < (enhanced > -1024).mean() < 0.2
    assert out.count("Figure ") == 2
