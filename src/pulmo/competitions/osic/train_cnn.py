"""The report's network on lung slices and the patient's numbers → out-of-fold quantiles, a network a fold.

Patients whose scan is missing or has no lungs found are not among those it learns from, and it says nothing of them:
NaN in `out_of_fold`. Where too few are left it is not trained at all, and the ensemble goes on without it.
"""

import shutil
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

if TYPE_CHECKING:
    from pulmo.competitions.osic.cnn import CnnTrainer


def run(stage: Stage, settings: CnnSettings) -> None:
    """Write `out_of_fold`, the networks into `models`, and `history`: the losses of each fold's epochs."""
    pairs = stage.read("features/visit_pairs")
    slices = read_patient_slices(stage)
    models = stage.folder("models")
    if not enough_slices(stage, slices, settings):
        stage.write("out_of_fold", to_table(pairs, {NETWORK: np.full((len(pairs), len(QUANTILES)), np.nan)}).iloc[:0])
        stage.write("history", pd.DataFrame({"fold": [], "epoch": []}))
        return
    everybody = pairs["patient"].nunique()
    stage.note(f"The network learns from the scans of {len(slices.patients)} of {everybody} patients")
    fold = pd.Series(slices.patients).map(stage.read("features/folds").set_index("patient")["fold"]).to_numpy(np.int64)
    quantiles, history = _cross_validate(stage, settings, pairs, slices, fold, models / NETWORK)
    stage.write("out_of_fold", to_table(pairs, {NETWORK: quantiles}))
    stage.write("history", history)


def read_patient_slices(stage: Stage) -> PatientSlices:
    """The slices that the stage `features` made, memory-mapped."""
    patients = stage.read("features/sliced_patients")["patient"].to_list()
    return PatientSlices(patients, stage.read("features/lung_slices"))


def enough_slices(stage: Stage, slices: PatientSlices, settings: CnnSettings) -> bool:
    """Whether the network can be trained; if not, it is noted."""
    enough = len(slices.patients) >= settings.minimum_scans
    if not enough:
        stage.note(
            f"The network is left out: {len(slices.patients)} patients have lung slices, "
            f"{settings.minimum_scans} are needed"
        )
    return enough


def _cross_validate(
    stage: Stage, settings: CnnSettings, pairs: pd.DataFrame, slices: PatientSlices, fold: np.ndarray, models: Path
) -> tuple[np.ndarray, pd.DataFrame]:
    """Out-of-fold quantiles of the pairs in ml (pairs, 3), NaN for patients without slices; and the histories."""
    # Loading Keras takes seconds: only where there is something to train.
    from pulmo.competitions.osic.cnn import CnnTrainer, cohort, quantiles_of_pairs
    from pulmo.training.device import computing_on

    known = cohort(pairs, slices)
    lines = np.full((len(fold), 2, len(QUANTILES)), np.nan)
    histories = []
    models.mkdir()
    with computing_on(stage.device):
        trainer = CnnTrainer(known, settings, stage.seed)
        for number in stage.progress(range(int(fold.max()) + 1), "network folds"):
            held_out = fold == number
            kept = stage.keep(f"fold{number}", partial(_train, stage, trainer, held_out, number))
            lines[held_out] = load(kept / "lines.npy")
            histories.append(load(kept / "history.parquet"))
            shutil.copy(kept / "network.keras", models / f"fold{number}.keras")
    return quantiles_of_pairs(pairs, slices.patients, lines), pd.concat(histories, ignore_index=True)


def _train(stage: Stage, trainer: "CnnTrainer", held_out: np.ndarray, number: int, folder: Path) -> None:
    """One fold: its network, its history, and what it says of those held out."""
    history = trainer.train(held_out, number, stage.scratch("checkpoints") / f"fold{number}.npz")
    trainer.network.save(folder / "network.keras")
    save(folder / "lines", trainer.lines()[held_out])
    save(folder / "history", history.assign(fold=number))
