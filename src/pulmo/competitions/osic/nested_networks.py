"""Networks inside the competition's protocol: honest for the patients held out and for those learned from, and few.

Training a network on every inner fold of every outer fold would take folds² trainings a repeat. But one that has seen
neither fold *a* nor fold *b* serves twice: with *a* held out it is the inner network without *b*, and the other way
round. So a repeat takes folds·(folds − 1)/2 trainings, and for each held-out fold

- a patient learned from is forecast by the network that has seen neither his fold nor the one held out, and
- a held-out patient by the average of all that have not seen the held-out fold, just as `predict` averages folds.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulmo.competitions.osic.settings import Settings
from pulmo.competitions.osic.slices import PatientSlices
from pulmo.competitions.osic.train_cnn import enough_slices, read_patient_slices
from pulmo.pipeline.stage import Stage, load, save
from pulmo.training.fold_networks import train_piece

if TYPE_CHECKING:
    from pulmo.competitions.osic.cnn import CnnTrainer

FEWEST_FOLDS = 3
"""With two, nobody is left to learn from."""


class NestedNetworks:
    """The networks of the protocol `cv`, each trained once, when it is first asked for."""

    def __init__(self, stage: Stage, settings: Settings, pairs: pd.DataFrame, slices: PatientSlices) -> None:
        self._stage, self._settings, self._pairs, self._slices = stage, settings, pairs, slices
        self._trainer: CnnTrainer | None = None

    @classmethod
    def of(cls, stage: Stage, settings: Settings, pairs: pd.DataFrame) -> "NestedNetworks | None":
        """None where there are too few scans, or too few folds, to train networks."""
        slices = read_patient_slices(stage)
        if not enough_slices(stage, slices, settings.train_cnn):
            return None
        if settings.cv.folds < FEWEST_FOLDS:
            stage.note(f"The network is left out: cv.folds is {settings.cv.folds}, at least {FEWEST_FOLDS} are needed")
            return None
        return cls(stage, settings, pairs, slices)

    def quantiles(self, fold_of_pair: np.ndarray, held_out: int, seed: int) -> np.ndarray:
        """What the networks say when a fold is held out: quantiles of all pairs in ml (pairs, 3), NaN without slices.

        Args:
            fold_of_pair: (pairs,), the outer folds.
            held_out: which of them.
            seed: of this repeat.
        """
        from pulmo.competitions.osic.cnn import quantiles_of_pairs

        by_patient = dict(zip(self._pairs["patient"], fold_of_pair, strict=True))
        fold = np.array([by_patient.get(patient, -1) for patient in self._slices.patients])
        others = [number for number in range(self._settings.cv.folds) if number != held_out]
        without = {number: self._lines_without(fold, (held_out, number), seed) for number in others}
        lines = np.mean(list(without.values()), axis=0)
        for number, theirs in without.items():
            lines[fold == number] = theirs[fold == number]
        return quantiles_of_pairs(self._pairs, self._slices.patients, lines)

    def _lines_without(self, fold: np.ndarray, two: tuple[int, int], seed: int) -> np.ndarray:
        """Lines of every patient (patients, 2, 3) by the network that has seen neither of two folds."""
        first, second = sorted(two)
        name = f"networks_seed{seed}_without_{first}_{second}"
        number = 100 * seed + 10 * first + second

        def train(checkpoint: Path, folder: Path) -> None:
            from pulmo.training.device import computing_on

            with computing_on(self._stage.device):
                trainer = self._compiled()
                trainer.train(np.isin(fold, (first, second)), number, checkpoint)
                save(folder / "lines", trainer.lines())

        return np.array(load(train_piece(self._stage, name, train) / "lines.npy"))

    def _compiled(self) -> "CnnTrainer":
        from pulmo.competitions.osic.cnn import CnnTrainer, cohort

        if self._trainer is None:
            known = cohort(self._pairs, self._slices)
            self._trainer = CnnTrainer(known, self._settings.train_cnn, self._stage.seed)
        return self._trainer
