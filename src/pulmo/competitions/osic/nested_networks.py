"""Nested cross-validation of the networks in the competition's protocol, with few trainings.

A network for every inner fold of every outer fold would take folds² trainings a repeat. But one trained without folds
*a* and *b* serves twice: with *a* held out it is the inner network without *b*, and the other way round. So a repeat
takes folds·(folds − 1)/2 trainings, and for each held-out fold

- a training patient is forecast by the network trained without that patient's fold and the one held out, and
- a held-out patient by the average of all networks trained without the held-out fold, as `predict` averages folds.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.competitions.osic.cnn import LINES, cohort, dataset_of, lines_of_patients, quantiles_of_pairs, task_of
from pulmo.competitions.osic.settings import Settings
from pulmo.competitions.osic.slices import PatientSlices
from pulmo.competitions.osic.train_cnn import enough_slices, read_patient_slices
from pulmo.pipeline.stage import Stage, load, save
from pulmo.training.cross_validation import NetworkTrainer, train_checkpointed
from pulmo.training.device import computing_on

MIN_FOLDS = 3
"""With two, no patient is left to train on."""


class NestedNetworks:
    """The networks of the protocol `cv`, each trained once, when it is first needed."""

    def __init__(self, stage: Stage, settings: Settings, pairs: pd.DataFrame, slices: PatientSlices) -> None:
        self._stage, self._settings, self._pairs, self._slices = stage, settings, pairs, slices
        self._trainer: NetworkTrainer | None = None

    @classmethod
    def of(cls, stage: Stage, settings: Settings, pairs: pd.DataFrame) -> "NestedNetworks | None":
        """None where there are too few scans, or too few folds, to train networks."""
        slices = read_patient_slices(stage)
        if not enough_slices(stage, slices, settings.train_cnn):
            return None
        if settings.cv.folds < MIN_FOLDS:
            stage.note(f"The network is left out: cv.folds is {settings.cv.folds}, at least {MIN_FOLDS} are needed")
            return None
        return cls(stage, settings, pairs, slices)

    def quantiles(self, fold_of_pair: np.ndarray, held_out: int, seed: int) -> np.ndarray:
        """Forecasts when a fold is held out: quantiles of the change of all pairs in ml (pairs, 3), NaN without slices.

        Args:
            fold_of_pair: (pairs,), the outer folds.
            held_out: which of them.
            seed: of this repeat.
        """
        by_patient = dict(zip(self._pairs["patient"], fold_of_pair, strict=True))
        fold = np.array([by_patient.get(patient, -1) for patient in self._slices.patients])
        others = [number for number in range(self._settings.cv.folds) if number != held_out]
        without = {number: self._lines_without(fold, (held_out, number), seed) for number in others}
        lines = np.mean(list(without.values()), axis=0)
        for number, theirs in without.items():
            lines[fold == number] = theirs[fold == number]
        return quantiles_of_pairs(self._pairs, self._slices.patients, lines)

    def _lines_without(self, fold: np.ndarray, two: tuple[int, int], seed: int) -> np.ndarray:
        """Lines of every patient (patients, 2, 3) by the network trained without two folds."""
        first, second = sorted(two)
        name = f"networks_seed{seed}_without_{first}_{second}"
        number = 100 * seed + 10 * first + second

        def train(checkpoint: Path, folder: Path) -> None:
            with computing_on(self._stage.device):
                trainer = self._compiled()
                slices = self._slices.hu.shape[1]
                trainer.train(np.repeat(np.isin(fold, (first, second)), slices), number, checkpoint)
                save(folder / LINES, lines_of_patients(trainer.predict()[LINES], len(fold)))

        return np.array(load(train_checkpointed(self._stage, name, train) / f"{LINES}.npy"))

    def _compiled(self) -> NetworkTrainer:
        if self._trainer is None:
            known = cohort(self._pairs, self._slices)
            task = task_of(known, self._settings.train_cnn)
            # The trainings name the patients left out themselves: the dataset needs no folds.
            dataset = dataset_of(known, np.zeros(len(self._slices.patients), np.int64))
            self._trainer = NetworkTrainer(dataset, task, self._stage.seed)
        return self._trainer
