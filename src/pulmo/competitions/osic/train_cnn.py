"""The report's network on lung slices and the patient's numbers → out-of-fold quantiles, a network a fold.

Patients whose scan is missing or has no lungs found are neither trained on nor predicted: NaN in `out_of_fold`. Where
too few are left no network is trained, and the ensemble goes on without it.
"""

import numpy as np
import pandas as pd

from pulmo.competitions.osic.cnn import LINES, cohort, dataset_of, lines_of_patients, quantiles_of_pairs, task_of
from pulmo.competitions.osic.out_of_fold import to_table
from pulmo.competitions.osic.settings import CnnSettings
from pulmo.competitions.osic.slices import PatientSlices
from pulmo.competitions.osic.trained_model import NETWORK
from pulmo.models.quantiles import QUANTILES
from pulmo.pipeline.stage import Stage
from pulmo.training.cross_validation import cross_validate_networks

MIN_SCANS = 10
"""Of fewer, one fold may hold all, and no scan would be left to train on."""


def run(stage: Stage, settings: CnnSettings) -> None:
    """Write `out_of_fold`, the networks into `models`, and `history`: the losses of each fold's epochs."""
    pairs = stage.read("features/visit_pairs")
    slices = read_patient_slices(stage)
    if not enough_slices(stage, slices, settings):
        stage.write("out_of_fold", to_table(pairs, {NETWORK: np.full((len(pairs), len(QUANTILES)), np.nan)}).iloc[:0])
        stage.folder("models")
        stage.write("history", pd.DataFrame({"fold": [], "epoch": []}))
        return
    patients = pairs["patient"].nunique()
    stage.note(f"The network is trained on the scans of {len(slices.patients)} of {patients} patients")
    fold = pd.Series(slices.patients).map(stage.read("features/folds").set_index("patient")["fold"]).to_numpy(np.int64)
    known = cohort(pairs, slices)
    dataset, task = dataset_of(known, fold), task_of(known, settings)
    result = cross_validate_networks(stage, dataset, task, every_row=True)
    result.write(stage)
    lines = np.empty((len(fold), 2, len(QUANTILES)))
    for number, of_slices in enumerate(result.of_every_row(LINES)):
        held_out = fold == number
        lines[held_out] = lines_of_patients(of_slices, len(fold))[held_out]
    stage.write("out_of_fold", to_table(pairs, {NETWORK: quantiles_of_pairs(pairs, slices.patients, lines)}))


def read_patient_slices(stage: Stage) -> PatientSlices:
    """The slices of the stage `features`, memory-mapped."""
    patients = stage.read("features/sliced_patients")["patient"].to_list()
    return PatientSlices(patients, stage.read("features/lung_slices"))


def enough_slices(stage: Stage, slices: PatientSlices, settings: CnnSettings) -> bool:
    """Whether the network can be trained; if not, it is noted."""
    needed = max(settings.minimum_scans, MIN_SCANS)
    enough = len(slices.patients) >= needed
    if not enough:
        there = len(slices.patients)
        stage.note(f"The network is left out: it needs lung slices of {needed} patients, and there are {there}")
    return enough
