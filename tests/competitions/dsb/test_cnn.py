"""The trainer on volumes whose answer is plain: what it learns, and from whom."""

from pathlib import Path

import numpy as np
import pytest

from pulmo.competitions.dsb.cnn import LOGITS, VolumeTask, logit_of
from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.imaging.area_resample import Size
from pulmo.scoring.classification import auc
from pulmo.training.cross_validation import NetworkTrainer
from pulmo.training.device import computing_on
from pulmo.training.tasks import Dataset
from tests.competitions.dsb.support import settings_of

FORMAT = VolumeFormat(
    "CT", settings_of("features.channels=['nodule_enhanced']").features.lung_format()._replace(size=Size(4, 12, 12))
)
COUNT = 24
LABEL = (np.arange(COUNT) % 3 == 0).astype(np.int64)


@pytest.fixture(scope="module")
def volumes() -> np.ndarray:
    """Lungs with a bright spot somewhere in every third scan."""
    rng = np.random.default_rng(0)
    hu = rng.normal(-850, 40, (COUNT, *FORMAT.shape))
    for scan in np.flatnonzero(LABEL):
        z, y, x = rng.integers(0, (4, 11, 11))
        hu[scan, z, y : y + 2, x : x + 2] = 50
    return hu.astype(np.int16)


def trainer_of(volumes: np.ndarray, label: np.ndarray, *overrides: str) -> NetworkTrainer:
    patient = np.array([f"p{number}" for number in range(COUNT)])
    dataset = Dataset({"image": volumes}, np.zeros(COUNT, np.int64), patient=patient)
    task = VolumeTask(config=settings_of(*overrides).train_cnn, target=label[:, None], volumes=FORMAT)
    return NetworkTrainer(dataset, task, seed=0)


def logits(trainer: NetworkTrainer) -> np.ndarray:
    return logit_of(trainer.predict()[LOGITS])


def test_it_finds_a_spot_in_scans_it_has_not_seen(volumes: np.ndarray, tmp_path: Path) -> None:
    held_out = np.arange(COUNT) >= 15
    settings = ("train_cnn.epochs=9", "train_cnn.steps=10", "train_cnn.learning_rate=0.03", "train_cnn.filters=[4,8]")
    with computing_on("cpu"):
        trainer = trainer_of(volumes, LABEL, *settings)
        history = trainer.train(held_out, 0, tmp_path / "checkpoint.npz")
        found = logits(trainer)
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
    assert auc(LABEL[held_out], found[held_out]) == 1


def test_what_is_held_out_teaches_nothing(volumes: np.ndarray, tmp_path: Path) -> None:
    held_out = np.arange(COUNT) >= 16
    other = np.where(held_out[:, None, None, None, None], 300, volumes).astype(np.int16)
    weights = []
    with computing_on("cpu"):
        for place, (seen, label) in enumerate(((volumes, LABEL), (other, np.where(held_out, 1 - LABEL, LABEL)))):
            trainer = trainer_of(seen, label, "train_cnn.validation_share=0.25")
            trainer.train(held_out, 0, tmp_path / f"{place}.npz")
            weights.append(trainer.network.get_weights())
    assert all(np.array_equal(one, another) for one, another in zip(*weights, strict=True))


def test_the_slides_network_is_a_preset(volumes: np.ndarray, tmp_path: Path) -> None:
    with computing_on("cpu"):
        trainer = trainer_of(volumes, LABEL, "train_cnn.network=slides", "train_cnn.dense=8", "train_cnn.filters=[2,3]")
        trainer.train(np.arange(COUNT) >= 16, 0, tmp_path / "checkpoint.npz")
        assert trainer.network.name == "slides_cnn3d"
        assert np.isfinite(logits(trainer)).all()
