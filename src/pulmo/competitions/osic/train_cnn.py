"""The report's network on lung slices and the patient's numbers → out-of-fold quantiles, a network a fold.

Patients whose scan is missing or has no lungs found are not among those it learns from, and it says nothing of them:
NaN in `out_of_fold`. Where too few are left it is not trained at all, and the ensemble goes on without it.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulmo.competitions.osic.out_of_fold import to_table
from pulmo.competitions.osic.settings import CnnSettings
from pulmo.competitions.osic.slices import PatientSlices
from pulmo.competitions.osic.trained_model import NETWORK
from pulmo.models.quantiles import QUANTILES
from pulmo.pipeline.stage import Stage, load, save
from pulmo.training.fold_networks import HISTORY, Folds, LeavingFoldsOut, copy_networks, joined, train_folds

if TYPE_CHECKING:
    from pulmo.competitions.osic.cnn import CnnTrainer

FEWEST_SCANS = 10
"""Of fewer, one fold may well hold all, and nothing would be left to learn from."""


def run(stage: Stage, settings: CnnSettings) -> None:
    """Write `out_of_fold`, the networks into `models`, and `history`: the losses of each fold's epochs."""
    pairs = stage.read("features/visit_pairs")
    slices = read_patient_slices(stage)
    models = stage.folder("models")
    if not enough_slices(stage, slices, settings):
        stage.write("out_of_fold", to_table(pairs, {NETWORK: np.full((len(pairs), len(QUANTILES)), np.nan)}).iloc[:0])
        stage.write("history", pd.DataFrame({"fold": [], "epoch": []}))
        return
    # Loading Keras takes seconds: only where there is something to train.
    from pulmo.competitions.osic.cnn import quantiles_of_pairs

    everybody = pairs["patient"].nunique()
    stage.note(f"The network learns from the scans of {len(slices.patients)} of {everybody} patients")
    fold = pd.Series(slices.patients).map(stage.read("features/folds").set_index("patient")["fold"]).to_numpy(np.int64)
    folds = Folds(partial(_trainer, settings, fold), int(fold.max()) + 1, settings.parallel_folds)
    pieces = train_folds(stage, folds)
    copy_networks(pieces, models)
    stage.write("history", joined(pieces, HISTORY))
    lines = np.empty((len(fold), 2, len(QUANTILES)))
    for number, piece in enumerate(pieces):
        lines[fold == number] = load(piece / "lines.npy")
    stage.write("out_of_fold", to_table(pairs, {NETWORK: quantiles_of_pairs(pairs, slices.patients, lines)}))


def read_patient_slices(stage: Stage) -> PatientSlices:
    """The slices that the stage `features` made, memory-mapped."""
    patients = stage.read("features/sliced_patients")["patient"].to_list()
    return PatientSlices(patients, stage.read("features/lung_slices"))


def enough_slices(stage: Stage, slices: PatientSlices, settings: CnnSettings) -> bool:
    """Whether the network can be trained; if not, it is noted."""
    needed = max(settings.minimum_scans, FEWEST_SCANS)
    enough = len(slices.patients) >= needed
    if not enough:
        stage.note(f"The network is left out: {len(slices.patients)} patients have lung slices, {needed} are needed")
    return enough


def _trainer(settings: CnnSettings, fold: np.ndarray, stage: Stage) -> LeavingFoldsOut:
    from pulmo.competitions.osic.cnn import CnnTrainer, cohort

    known = cohort(stage.read("features/visit_pairs"), read_patient_slices(stage))
    trainer = CnnTrainer(known, settings, stage.seed)
    return LeavingFoldsOut(trainer, fold, partial(_say, trainer, fold))


def _say(trainer: "CnnTrainer", fold: np.ndarray, number: int, folder: Path) -> None:
    save(folder / "lines", trainer.lines()[fold == number])
