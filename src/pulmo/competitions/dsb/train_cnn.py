"""The three-dimensional network on whole scans → out-of-fold logits, a network a fold."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pulmo.competitions.dsb.settings import CnnSettings
from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.pipeline.stage import Stage, load, save
from pulmo.training.fold_networks import HISTORY, Folds, LeavingFoldsOut, copy_networks, joined, train_folds

if TYPE_CHECKING:
    from pulmo.competitions.dsb.cnn import VolumeTrainer


def run(stage: Stage, settings: CnnSettings) -> None:
    """Write `out_of_fold` (each scan by the network that has not seen it), `fitted` (by those that have), the networks
    into `models`, and `history`: the losses of each fold's epochs."""
    scans = stage.read("features/scans")
    fold = scans["fold"].to_numpy()
    pieces = train_folds(stage, volume_folds(settings, fold, stage.seed))
    models = stage.folder("models")
    models.mkdir()
    copy_networks(pieces, models)
    stage.write("history", joined(pieces, HISTORY))
    logits = np.stack([load(piece / "logits.npy") for piece in pieces])
    unseen = fold == np.arange(len(pieces))[:, None]
    about = scans[["id", "patient", "label", "fold"]]
    stage.write("out_of_fold", about.assign(logit=logits[unseen.argmax(axis=0), np.arange(len(scans))]))
    stage.write("fitted", about.assign(logit=np.where(unseen, 0, logits).sum(axis=0) / (~unseen).sum(axis=0)))


def volume_folds(settings: CnnSettings, fold: np.ndarray, seed: int, name: str = "fold") -> Folds:
    """A network without each fold of the scans, (scans,); each says `logits` of all of them."""
    return Folds(partial(_trainer, settings, fold, seed), int(fold.max()) + 1, settings.parallel_folds, name)


def _trainer(settings: CnnSettings, fold: np.ndarray, seed: int, stage: Stage) -> LeavingFoldsOut:
    # Loading Keras takes seconds: not before it is needed.
    from pulmo.competitions.dsb.cnn import VolumeTrainer
    from pulmo.models.parameters import describe_parameters

    scans = stage.read("features/scans")
    wanted = VolumeFormat.from_json(stage.read("features/description")["volumes"])
    volumes, label, patient = stage.read("features/volumes"), scans["label"].to_numpy(), scans["patient"].to_list()
    trainer = VolumeTrainer(volumes, label, patient, wanted, settings, seed)
    stage.note(f"The network ({settings.network}) has {describe_parameters(trainer.network)}")
    return LeavingFoldsOut(trainer, fold, partial(_say, trainer))


def _say(trainer: "VolumeTrainer", number: int, folder: Path) -> None:
    save(folder / "logits", trainer.logits())
