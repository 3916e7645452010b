"""OSIC's network, from patients to lines of FVC and back: what it sees, what it learns, what it says.

A patient's numbers are the report's, age, sex and two smoking bits, and two more: the first Percent, because who is
already ill declines otherwise, and the first FVC, because millilitres lost scale with the lungs that lose them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from pulmo.competitions.osic.settings import CnnSettings
from pulmo.competitions.osic.slices import PatientSlices
from pulmo.competitions.osic.visit_pairs import pair_weights
from pulmo.imaging.hounsfield import LOWEST_HU
from pulmo.imaging.normalize import HIGHEST_HU, MEAN
from pulmo.imaging.normalize import LOWEST_HU as LOWEST_NORMAL_HU
from pulmo.models.osic_cnn import OsicCnnParameters, Scale, osic_cnn
from pulmo.models.quantile_lines import LinePinball
from pulmo.models.quantiles import QUANTILES
from pulmo.training.augment import Augment, Augmentation
from pulmo.training.checkpoint import Values, values_of
from pulmo.training.fit import Plan, Trainer
from pulmo.training.folds import validation_part
from pulmo.training.loop import predict
from pulmo.training.saved_networks import SavedNetworks
from pulmo.training.sequences import OrderedBatches, Rows, TrainingBatches

WEEKS, ML = 52.0, 200.0
"""The network counts in years and in 200 ml, so that what it says is about 1."""

NUMBERS = 6
TYPICAL = -1.0
"""200 ml a year: what patients with pulmonary fibrosis lose (Raghu et al.,
Am J Respir Crit Care Med 2011; 183: 788)."""
OFFSET_HU = 15.0
"""Scanners and breath differ by that much at the least."""
PREDICTION_BATCH = 64


class Cohort(NamedTuple):
    """Patients with slices, as the network learns from them.

    Attributes:
        slices: of the patients, in this order; memory-mapped.
        followed: (patients,) bool; the others were seen once, and nothing can be learned from them.
        numbers: (patients, NUMBERS) float32; 0 of those not followed.
        target: (patients, visits, 3) float32: years since the baseline, change in 200 ml, weight; 0 fills up.
    """

    slices: PatientSlices
    followed: np.ndarray
    numbers: np.ndarray
    target: np.ndarray


def cohort(pairs: pd.DataFrame, slices: PatientSlices) -> Cohort:
    """What all visit pairs say about the patients who have slices."""
    baseline = pairs[pairs["is_baseline_pair"] & pairs["patient"].isin(slices.patients)]
    followed = np.isin(slices.patients, baseline["patient"])
    numbers = np.zeros((len(followed), NUMBERS), np.float32)
    numbers[followed] = patient_numbers(baseline, np.array(slices.patients)[followed].tolist())
    return Cohort(slices, followed, numbers, _targets(baseline, slices))


def patient_numbers(pairs: pd.DataFrame, patients: Sequence[str]) -> np.ndarray:
    """What describes each of `patients`, (patients, NUMBERS) float32, from their baseline pairs (or asked weeks)."""
    first = pairs.drop_duplicates("patient").set_index("patient").loc[list(patients)]
    ex, current = first["ex_smoker"] == 1, first["current_smoker"] == 1
    unknown = first["ex_smoker"].isna() | first["current_smoker"].isna()
    columns = [
        (first["age_years"] - 30) / 30,
        1 - first["male"],
        ex | unknown,  # never 00, ex-smoker 11, current 01, unknown 10
        (ex | current) & ~unknown,
        (first["percent_from"] - 80) / 20,
        (first["fvc_from_ml"] - 2700) / 800,
    ]
    return np.column_stack(columns).astype(np.float32)


def _targets(baseline: pd.DataFrame, slices: PatientSlices) -> np.ndarray:
    """The weights of a patient's visits sum to about 1."""
    weight = pair_weights(baseline)
    values = np.column_stack(
        [
            baseline["gap_weeks"] / WEEKS,
            baseline["change_ml"] / ML,
            weight * baseline["patient"].nunique() / weight.sum(),
        ]
    )
    visit = baseline.groupby("patient").cumcount().to_numpy()
    target = np.zeros((len(slices.patients), int(visit.max()) + 1, 3), np.float32)
    target[slices.of(baseline["patient"].to_list()), visit] = values
    return target


class CnnTrainer:
    """The network compiled once, for one cohort; trained without some patients, asked about any. Inside a device's
    scope (`computing_on`) only."""

    def __init__(self, known: Cohort, settings: CnnSettings, seed: int) -> None:
        self._known, self._settings, self._seed = known, settings, seed
        self._rows = slice_rows(known.slices.hu, known.numbers, known.target)
        self._trainer = Trainer(
            self._network(seed), LinePinball(), _plan(settings), Augment(_moves(settings), "yx", seed)
        )

    @property
    def network(self) -> Any:
        """The Keras model, with the weights of the last training."""
        return self._trainer.network

    def train(self, left_out: np.ndarray, number: int, checkpoint: Path) -> pd.DataFrame:
        """Train on the patients who are not left out; the history.

        Args:
            left_out: (patients,) bool, in the cohort's order.
            number: of this training; another one starts from other weights and sees other batches.
            checkpoint: see `Trainer.fit`.
        """
        seed = 1000 * self._seed + number
        learned, checked = map(self._rows_of, self._split(np.flatnonzero(~left_out & self._known.followed), seed))
        train = TrainingBatches(
            self._rows, self._settings.batch, seed, self._settings.steps, lambda rng, _: rng.permutation(learned)
        )
        validation = OrderedBatches(self._rows, PREDICTION_BATCH, checked) if len(checked) else None
        return self._trainer.fit(self._initial(seed), train, checkpoint, validation)

    def lines(self) -> np.ndarray:
        """What the network, as last trained, says of every patient: (patients, 2, 3)."""
        return predict_lines(self.network, self._known.slices.hu, self._known.numbers)

    def _network(self, seed: int) -> Any:
        keras.utils.set_random_seed(seed)
        s = self._settings
        pixels = self._known.slices.hu.shape[-1]
        parameters = OsicCnnParameters(pixels, s.stem, s.filters, s.dense, s.dropout, TYPICAL)
        return osic_cnn(parameters, NUMBERS, Scale(LOWEST_NORMAL_HU, HIGHEST_HU, MEAN))

    def _initial(self, seed: int) -> Values:
        return values_of(self._network(seed).variables)

    def _split(self, patients: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Those learned from, and those by whom the best epoch is chosen."""
        checked = validation_part(patients.astype(str), self._settings.validation_share, seed)
        return patients[~checked], patients[checked]

    def _rows_of(self, patients: np.ndarray) -> np.ndarray:
        slices = self._known.slices.hu.shape[1]
        return np.ravel(patients[:, None] * slices + np.arange(slices))


def slice_rows(hu: np.ndarray, numbers: np.ndarray, target: np.ndarray | None = None) -> Rows:
    """Every slice of every patient, a row each; the images are not copied."""
    slices = hu.shape[1]
    images = hu.reshape(-1, *hu.shape[2:])
    each = None if target is None else np.repeat(target, slices, axis=0)
    return Rows({"image": images, "numbers": np.repeat(numbers, slices, axis=0)}, each)


def predict_lines(network: Any, hu: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The mean over each patient's slices: int16 (patients, slices, …) and (patients, NUMBERS) → (patients, 2, 3)."""
    rows = slice_rows(hu, numbers)
    lines = predict(network, rows, PREDICTION_BATCH)
    return np.asarray(lines.reshape(len(hu), hu.shape[1], 2, len(QUANTILES)).mean(axis=1), np.float64)


def _moves(s: CnnSettings) -> Augmentation:
    # Lungs are no mirror images, but fibrosis knows no side.
    return Augmentation(True, False, s.rotation, s.zoom, s.shift, offset=OFFSET_HU, fill=LOWEST_HU)


def _plan(s: CnnSettings) -> Plan:
    return Plan(s.epochs, s.steps, s.learning_rate, s.warm_up_epochs, s.weight_decay, s.averaging, s.patience)


def quantiles_of_pairs(pairs: pd.DataFrame, patients: Sequence[str], lines: np.ndarray) -> np.ndarray:
    """Quantiles of the change in ml of visit pairs (pairs, 3), NaN where a patient is not among `patients`.

    Args:
        pairs: with `patient` and `gap_weeks`; weeks before the baseline count as the baseline, the earliest that
            anything is known of.
        patients: who the lines are of.
        lines: (patients, 2, 3), as the network gives them.
    """
    place = pairs["patient"].map({patient: place for place, patient in enumerate(patients)})
    known = place.notna().to_numpy()
    quantiles = np.full((len(pairs), len(QUANTILES)), np.nan)
    theirs = lines[place[known].astype(np.int64)]
    years = pairs.loc[known, "gap_weeks"].clip(lower=0).to_numpy()[:, None] / WEEKS
    quantiles[known] = ML * (theirs[:, 0] + years * theirs[:, 1])
    return quantiles


def predict_pairs(files: Sequence[Path], pairs: pd.DataFrame, slices: PatientSlices) -> np.ndarray:
    """Quantiles of the change in ml for asked pairs (pairs, 3): the mean over the networks in `files`.

    NaN for patients without slices.
    """
    if not slices.patients:
        return np.full((len(pairs), len(QUANTILES)), np.nan)
    numbers = patient_numbers(pairs, slices.patients)
    lines = [predict_lines(network, slices.hu, numbers) for network in SavedNetworks(files).each()]
    return quantiles_of_pairs(pairs, slices.patients, np.mean(lines, axis=0))
