"""The three-dimensional network on whole scans → out-of-fold logits, a network a fold."""

import numpy as np
import pandas as pd

from pulmo.competitions.dsb.cnn import LOGITS, VolumeTask, logit_of
from pulmo.competitions.dsb.settings import CnnSettings
from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.pipeline.stage import Stage
from pulmo.training.cross_validation import CrossValidatedNetworks, cross_validate_networks
from pulmo.training.tasks import Dataset


def run(stage: Stage, settings: CnnSettings) -> None:
    """Write `out_of_fold` (each scan by the network that was not trained on it), `fitted` (by those that were), the
    networks into `models`, and `history`: the losses of each fold's epochs."""
    scans = stage.read("features/scans")
    fold = scans["fold"].to_numpy()
    result = train_networks(stage, settings, fold, stage.seed)
    result.write(stage)
    logit = logit_of(result.of_every_row(LOGITS))
    held_out = fold == np.arange(len(logit))[:, None]
    about = scans[["id", "patient", "label", "fold"]]
    stage.write("out_of_fold", about.assign(logit=logit[fold, np.arange(len(scans))]))
    stage.write("fitted", about.assign(logit=np.where(held_out, 0, logit).sum(axis=0) / (~held_out).sum(axis=0)))


def train_networks(
    stage: Stage, settings: CnnSettings, fold: np.ndarray, seed: int, name: str = "fold"
) -> CrossValidatedNetworks:
    """A network without each fold of the scans, (scans,), which predicts the logits of all of them.

    Args:
        stage: reads the outputs of `features`.
        settings: of network and training.
        fold: of each scan.
        seed: of the training.
        name: of the checkpoints.
    """
    scans: pd.DataFrame = stage.read("features/scans")
    volumes = VolumeFormat.from_json(stage.read("features/description")["volumes"])
    label = scans["label"].to_numpy(np.int64)
    dataset = Dataset(
        {"image": stage.read("features/volumes")},
        fold,
        patient=scans["patient"].to_numpy(str),
        positive=label == 1,
    )
    task = VolumeTask(config=settings, target=label[:, None], volumes=volumes)
    return cross_validate_networks(stage, dataset, task, seed=seed, name=name, every_row=True)
