"""OSIC's network: the patients as a dataset of slices, the task of quantile lines, and its forecasts.

A patient's numbers are the report's, age, sex and two smoking bits, and two more: the first Percent, because who is
already ill declines otherwise, and the first FVC, because millilitres lost scale with the lungs that lose them.
Keras is loaded only where a network is built.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.osic.settings import CnnSettings
from pulmo.competitions.osic.slices import PatientSlices
from pulmo.competitions.osic.visit_pairs import pair_weights
from pulmo.imaging.hounsfield import LOWEST_HU
from pulmo.imaging.normalize import HIGHEST_HU, MEAN
from pulmo.imaging.normalize import LOWEST_HU as LOWEST_NORMAL_HU
from pulmo.models.quantiles import QUANTILES
from pulmo.training.tasks import Dataset, Note

if TYPE_CHECKING:
    from pulmo.training.inference import Predictor
    from pulmo.training.loop import Metric

WEEKS, ML = 52.0, 200.0
"""The network counts in years and in 200 ml, so that its outputs are about 1."""

NUMBERS = 6
TYPICAL_DECLINE = -1.0
"""200 ml a year: what patients with pulmonary fibrosis lose (Raghu et al.,
Am J Respir Crit Care Med 2011; 183: 788)."""
PREDICTION_BATCH = 64
LINES = "lines"


class Cohort(NamedTuple):
    """Patients with slices.

    Attributes:
        slices: of the patients, in this order; memory-mapped.
        followed: (patients,) bool; the others have one visit, and cannot be trained on.
        numbers: (patients, NUMBERS) float32; 0 of those not followed.
        target: (patients, visits, 3) float32: years since the baseline, change in 200 ml, weight; 0 fills up.
    """

    slices: PatientSlices
    followed: np.ndarray
    numbers: np.ndarray
    target: np.ndarray


def cohort(pairs: pd.DataFrame, slices: PatientSlices) -> Cohort:
    """The patients who have slices, with their later visits among all pairs."""
    baseline = pairs[pairs["is_baseline_pair"] & pairs["patient"].isin(slices.patients)]
    followed = np.isin(slices.patients, baseline["patient"])
    numbers = np.zeros((len(followed), NUMBERS), np.float32)
    numbers[followed] = patient_numbers(baseline, np.array(slices.patients)[followed].tolist())
    return Cohort(slices, followed, numbers, _targets(baseline, slices))


def patient_numbers(pairs: pd.DataFrame, patients: Sequence[str]) -> np.ndarray:
    """The numbers of each of `patients`, (patients, NUMBERS) float32, from baseline pairs (or weeks to forecast)."""
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


@dataclass(frozen=True)
class LineTask:
    """Quantile lines of a patient's FVC, from each slice of the lungs and the patient's numbers.

    Predictions: `lines` float32 (slices of all patients, 2, 3), see `models.quantile_lines`.

    Attributes:
        config: of network and training.
        target: (slices of all patients, visits, 3), see `Cohort`.
    """

    config: CnnSettings
    target: np.ndarray

    def network(self, inputs: Mapping[str, np.ndarray], note: Note) -> Callable[[], Any]:
        """See `models.osic_cnn`."""
        from pulmo.models.osic_cnn import OsicCnnParameters, Scale, osic_cnn

        s = self.config
        parameters = OsicCnnParameters(
            inputs["image"].shape[-1], s.stem, s.filters, s.dense, s.dropout, TYPICAL_DECLINE
        )
        return lambda: osic_cnn(parameters, NUMBERS, Scale(LOWEST_NORMAL_HU, HIGHEST_HU, MEAN))

    def augment(self, seed: int) -> Any:
        """Only the image moves; air comes in from outside."""
        from pulmo.training.augment import Augment

        return Augment(self.config.augmentation(fill=LOWEST_HU), "yx", seed)

    def loss(self) -> Any:
        """The pinball loss of a line's quantiles at each visit."""
        from pulmo.models.quantile_lines import LinePinball

        return LinePinball()

    def metrics(self) -> Mapping[str, "Metric"]:
        """None."""
        return {}

    def weight(self, rows: np.ndarray) -> np.ndarray | None:
        """All alike: visits have weights in the target."""
        return None

    def predictor(self, network: Any) -> "Predictor":
        """The lines of each slice."""
        return line_predictor(network)


def line_predictor(network: Any) -> "Predictor":
    """The `lines` of each slice."""
    from pulmo.training.inference import OutputPredictor

    return OutputPredictor(network, LINES, PREDICTION_BATCH)


def dataset_of(known: Cohort, fold: np.ndarray) -> Dataset:
    """A row a slice.

    Args:
        known: the patients.
        fold: of each of them, (patients,).
    """
    slices = known.slices.hu.shape[1]
    patient = np.arange(len(fold)).astype(str)
    return Dataset(
        slice_inputs(known.slices.hu, known.numbers),
        fold=np.repeat(fold, slices),
        trainable=np.repeat(known.followed, slices),
        patient=np.repeat(patient, slices),
    )


def task_of(known: Cohort, settings: CnnSettings) -> LineTask:
    """The task of `dataset_of`."""
    return LineTask(settings, np.repeat(known.target, known.slices.hu.shape[1], axis=0))


def slice_inputs(hu: np.ndarray, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """The network's inputs, a row for each slice of each patient; the images are not copied."""
    return {"image": hu.reshape(-1, *hu.shape[2:]), "numbers": np.repeat(numbers, hu.shape[1], axis=0)}


def lines_of_patients(lines: np.ndarray, patients: int) -> np.ndarray:
    """The mean over each patient's slices: (slices of all patients, 2, 3) → (patients, 2, 3) float64."""
    by_slice = lines.reshape(patients, -1, 2, len(QUANTILES))
    return np.asarray(by_slice.mean(axis=1), np.float64)


def quantiles_of_pairs(pairs: pd.DataFrame, patients: Sequence[str], lines: np.ndarray) -> np.ndarray:
    """Quantiles of the change in ml of visit pairs (pairs, 3), NaN where a patient is not among `patients`.

    Args:
        pairs: with `patient` and `gap_weeks`; weeks before the baseline count as the baseline, the earliest
            known.
        patients: those of the lines.
        lines: (patients, 2, 3), as the network gives them.
    """
    place = pairs["patient"].map({patient: place for place, patient in enumerate(patients)})
    known = place.notna().to_numpy()
    quantiles = np.full((len(pairs), len(QUANTILES)), np.nan)
    of_pair = lines[place[known].astype(np.int64)]
    years = pairs.loc[known, "gap_weeks"].clip(lower=0).to_numpy()[:, None] / WEEKS
    quantiles[known] = ML * (of_pair[:, 0] + years * of_pair[:, 1])
    return quantiles


def predict_pairs(files: Sequence[Path], pairs: pd.DataFrame, slices: PatientSlices) -> np.ndarray:
    """Quantiles of the change in ml for pairs to be forecast (pairs, 3): the mean over the networks in `files`.

    NaN for patients without slices.
    """
    if not slices.patients:
        return np.full((len(pairs), len(QUANTILES)), np.nan)
    from pulmo.training.inference import FoldPredictor, gathered, predict_in_parts

    inputs = slice_inputs(slices.hu, patient_numbers(pairs, slices.patients))
    predictor = FoldPredictor(files, inputs["image"].shape[1:], line_predictor)
    of_slices = gathered(predict_in_parts(predictor, inputs))[LINES]
    lines = [lines_of_patients(of_slices[:, fold], len(slices.patients)) for fold in range(len(files))]
    return quantiles_of_pairs(pairs, slices.patients, np.mean(lines, axis=0))
