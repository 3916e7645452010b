"""The three-dimensional network on whole scans → out-of-fold logits, a network a fold."""

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulmo.competitions.dsb.settings import CnnSettings
from pulmo.competitions.dsb.trained_model import NETWORK
from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.pipeline.stage import Stage, load, save

if TYPE_CHECKING:
    from pulmo.competitions.dsb.cnn import VolumeTrainer


def run(stage: Stage, settings: CnnSettings) -> None:
    """Write `out_of_fold` (each scan by the network that has not seen it), `fitted` (by those that have), the networks
    into `models`, and `history`: the losses of each fold's epochs."""
    # Loading Keras takes seconds: not before the stage runs.
    from pulmo.models.parameters import describe_parameters
    from pulmo.training.device import computing_on

    scans = stage.read("features/scans")
    fold = scans["fold"].to_numpy()
    models = stage.folder("models") / NETWORK
    models.mkdir()
    with computing_on(stage.device):
        trainer = trainer_of(stage, settings, stage.seed)
        stage.note(f"The network ({settings.network}) has {describe_parameters(trainer.network)}")
        pieces = train_folds(stage, trainer, fold, "fold")
    for number, piece in enumerate(pieces):
        shutil.copy(piece / "network.keras", models / f"fold{number}.keras")
    logits = np.stack([load(piece / "logits.npy") for piece in pieces])
    unseen = fold == np.arange(len(pieces))[:, None]
    about = scans[["id", "patient", "label", "fold"]]
    stage.write("out_of_fold", about.assign(logit=logits[unseen.argmax(axis=0), np.arange(len(scans))]))
    stage.write("fitted", about.assign(logit=np.where(unseen, 0, logits).sum(axis=0) / (~unseen).sum(axis=0)))
    stage.write("history", pd.concat([load(piece / "history.parquet") for piece in pieces], ignore_index=True))


def trainer_of(stage: Stage, settings: CnnSettings, seed: int) -> "VolumeTrainer":
    """A trainer on the volumes of the stage `features`; inside a device's scope."""
    from pulmo.competitions.dsb.cnn import VolumeTrainer

    scans = stage.read("features/scans")
    wanted = VolumeFormat.from_json(stage.read("features/description")["volumes"])
    volumes, label, patient = stage.read("features/volumes"), scans["label"].to_numpy(), scans["patient"].to_list()
    return VolumeTrainer(volumes, label, patient, wanted, settings, seed)


def train_folds(stage: Stage, trainer: "VolumeTrainer", fold: np.ndarray, name: str) -> list[Path]:
    """Train without each fold; kept as `<name><number>`: the network, its history, its logits of all scans."""
    numbers = stage.progress(range(int(fold.max()) + 1), "network folds")
    return [stage.keep(f"{name}{number}", partial(_train, stage, trainer, fold, number, name)) for number in numbers]


def _train(stage: Stage, trainer: "VolumeTrainer", fold: np.ndarray, number: int, name: str, folder: Path) -> None:
    checkpoint = stage.scratch("checkpoints") / f"{name}{number}.npz"
    history = trainer.train(fold == number, number, checkpoint)
    trainer.network.save(folder / "network.keras")
    save(folder / "logits", trainer.logits())
    save(folder / "history", history.assign(fold=number))
    checkpoint.unlink()  # of a large network, as large as three of it
