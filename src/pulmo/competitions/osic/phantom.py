"""Demo data in Kaggle's exact layout: patients whose fibrosis, visible in the scan alone, drives their decline.

Visits, ages, FVC and their noise follow the real `train.csv`. Age, sex, smoking and the first FVC are nearly unrelated
to the slope; the share of fibrosis explains most of it, so that models with CT statistics do better here.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydicom.uid import ExplicitVRLittleEndian, JPEGLosslessSV1, RLELossless

from pulmo.competitions.osic.submission import SCORED_VISITS, row_ids
from pulmo.phantom.chest import Body, chest
from pulmo.phantom.protocol import scan
from pulmo.pipeline.csv_files import write_tables
from pulmo.pipeline.parallel import map_all

SAMPLE_WEEKS = range(-12, 134)
# Of the training patients in the order of their ids: two odd compressions; and, from `ODD_FROM` patients, the missing.
RLE, JPEG = 0, 1
NO_FOLDER, EMPTY_FOLDER, NOT_DICOM = (4, 17), 8, 12
ODD_FROM = 20

MEAN_FIBROSIS = 0.34
ROOM_LITRES = 6.0  # both lungs, in a torso of size 1
MEAN_SLOPE_ML, SLOPE_PER_FIBROSIS_ML, SLOPE_SD_ML = -4.4, -21.0, 3.8
GAPS_WEEKS = (3, 2, 2, 2, 6, 12, 12, 16)
VISITS, VISIT_SHARES = (6, 7, 8, 9), (0.01, 0.05, 0.18, 0.76)
DUPLICATED_BASELINE_SHARE = 0.04


@dataclass(frozen=True)
class PhantomSettings:
    """How many patients, from which seed, and whether with their scans (the tables are the same without)."""

    train_patients: int = 80
    test_patients: int = 5
    seed: int = 0
    scans: bool = True


@dataclass(frozen=True)
class Patient:
    """What is true of a patient: `fibrosis` is a share of the lungs, `typical_ml` a healthy FVC for that body."""

    name: str
    age: int
    sex: str
    smoking: str
    typical_ml: float
    fibrosis: float
    first_fvc_ml: float
    slope_ml_per_week: float
    visit_noise_ml: float
    seed: int


def write_phantom(
    folder: Path,
    solution: Path,
    settings: PhantomSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Write the competition's files into `folder`, and the test patients' last three visits to the file `solution`.

    `progress` is called with (done, total) after each scan. Equal settings write equal bytes.

    Returns:
        The hidden truth, a row a patient: the fields of `Patient`, and whether it is in the `test` set.
    """
    settings = settings or PhantomSettings()
    patients, is_test = cohort(settings)
    visits = {patient.name: _visits(patient) for patient in patients}
    train = [p for p, test in zip(patients, is_test, strict=True) if not test]
    test = [p for p, test in zip(patients, is_test, strict=True) if test]
    write_tables(
        {
            folder / "train.csv": pd.concat([visits[p.name] for p in train]),
            folder / "test.csv": pd.concat([visits[p.name].head(1) for p in test]),
            folder / "sample_submission.csv": _sample(test),
            solution: pd.concat([_scored(visits[p.name]) for p in test]),
        }
    )
    if settings.scans:
        _write_scans(folder, train, test, progress)
    return pd.DataFrame(map(asdict, patients)).assign(test=is_test)


def cohort(settings: PhantomSettings) -> tuple[list[Patient], np.ndarray]:
    """The patients in the order of their ids, and which of them (bool, one each) are the hidden test set."""
    rng = np.random.default_rng(settings.seed)
    count = settings.train_patients + settings.test_patients
    numbers = 7 + np.cumsum(rng.integers(1, 5, count))
    # The ids of the real patients: a number, then the time at which they were entered, in ticks.
    ticks = 637_202_177_411_956_430 + np.cumsum(rng.integers(10**8, 10**10, count))
    names = [f"ID{number:05d}{tick}" for number, tick in zip(numbers.tolist(), ticks.tolist(), strict=True)]
    seeds = rng.integers(2**31, size=count).tolist()
    is_test = rng.permutation(count) < settings.test_patients
    return [_patient(name, seed) for name, seed in zip(names, seeds, strict=True)], is_test


def _patient(name: str, seed: int) -> Patient:
    rng = np.random.default_rng([seed, 0])
    male = rng.random() < 0.79
    age = int(np.clip(np.rint(rng.normal(67.4, 7)), 49, 88))
    smoking = ("Never smoked", "Ex-smoker", "Currently smokes")
    typical_ml = rng.normal(5840 - 30.3 * age, 390) if male else rng.normal(3425 - 18.2 * age, 340)
    fibrosis = float(0.9 * rng.beta(1.7, 2.8))
    worse = fibrosis - MEAN_FIBROSIS
    percent = float(np.clip(rng.normal(79.6 - 15 * worse, 17.0), 43, 143))
    typical_ml = round(float(np.clip(typical_ml, 1500, 5200)), 1)
    return Patient(
        name=name,
        age=age,
        sex="Male" if male else "Female",
        smoking=str(rng.choice(smoking, p=(0.19, 0.76, 0.05) if male else (0.67, 0.29, 0.04))),
        typical_ml=typical_ml,
        fibrosis=fibrosis,
        first_fvc_ml=typical_ml * percent / 100,
        slope_ml_per_week=float(rng.normal(MEAN_SLOPE_ML + SLOPE_PER_FIBROSIS_ML * worse, SLOPE_SD_ML)),
        visit_noise_ml=float(rng.lognormal(np.log(97), 0.5)),
        seed=seed,
    )


def _visits(patient: Patient) -> pd.DataFrame:
    """The patient's rows of `train.csv`, in time order."""
    rng = np.random.default_rng([patient.seed, 1])
    weeks = _weeks(rng)
    fvc_ml = patient.first_fvc_ml + patient.slope_ml_per_week * (weeks - weeks[0])
    fvc_ml = np.clip(np.rint(fvc_ml + rng.normal(0, patient.visit_noise_ml, len(weeks))), 800, 6400)
    return pd.DataFrame(
        {
            "Patient": patient.name,
            "Weeks": weeks,
            "FVC": fvc_ml.astype(int),
            "Percent": 100 * fvc_ml / patient.typical_ml,
            "Age": patient.age,
            "Sex": patient.sex,
            "SmokingStatus": patient.smoking,
        }
    )


def _weeks(rng: np.random.Generator) -> np.ndarray:
    """Weeks of 6 to 10 visits relative to the scan, (visits,) of int: the first is often some weeks after it."""
    first = min(-5 + int(rng.gamma(1.56, 12.3)), 79)
    gaps = np.maximum(np.rint(rng.normal(GAPS_WEEKS, 0.8)), 1)
    weeks = first + np.concatenate([[0], np.cumsum(gaps)])
    visits = int(rng.choice(VISITS, p=VISIT_SHARES))
    kept = np.sort(rng.choice(np.arange(1, 9), visits - 1, replace=False))
    again = [0] if rng.random() < DUPLICATED_BASELINE_SHARE else []
    return np.asarray(np.minimum(weeks, max(SAMPLE_WEEKS))[[0, *again, *kept]].astype(int))


def _sample(test: list[Patient]) -> pd.DataFrame:
    """Every week of every test patient, week by week, with Kaggle's constant cells."""
    ids = [f"{patient.name}_{week}" for week in SAMPLE_WEEKS for patient in test]
    return pd.DataFrame({"Patient_Week": ids, "FVC": 2000, "Confidence": 100})


def _scored(visits: pd.DataFrame) -> pd.DataFrame:
    last = visits.tail(SCORED_VISITS)
    return pd.DataFrame({"Patient_Week": row_ids(last), "FVC": last["FVC"]})


@dataclass(frozen=True)
class ScanOrder:
    """One scan to write: sent to another process, so small."""

    folder: Path
    patient: Patient
    transfer_syntax: str


def _write_scans(
    folder: Path, train: list[Patient], test: list[Patient], progress: Callable[[int, int], None] | None
) -> None:
    (folder / "train").mkdir(exist_ok=True)
    (folder / "test").mkdir(exist_ok=True)
    orders = {p.name: ScanOrder(folder / "test" / p.name, p, ExplicitVRLittleEndian) for p in test}
    for place, patient in enumerate(train):
        target = folder / "train" / patient.name
        syntax = {RLE: RLELossless, JPEG: JPEGLosslessSV1}.get(place, ExplicitVRLittleEndian)
        if len(train) < ODD_FROM or not _left_without_scan(place, target):
            orders[patient.name] = ScanOrder(target, patient, syntax)
    map_all(write_scan, orders, progress)


def _left_without_scan(place: int, target: Path) -> bool:
    """Whether this patient is one of those without a readable scan; makes what there is instead."""
    if place in (EMPTY_FOLDER, NOT_DICOM):
        target.mkdir(exist_ok=True)
    if place == NOT_DICOM:
        (target / "1.dcm").write_text("This is not a DICOM file.\n", encoding="utf-8", newline="\n")
    return place in (*NO_FOLDER, EMPTY_FOLDER, NOT_DICOM)


def write_scan(order: ScanOrder) -> int:
    """Draw a patient by some hospital's protocol and write the series; the number of its slices."""
    patient = order.patient
    return len(scan(order.folder, patient.name, anatomy(patient), patient.seed, order.transfer_syntax))


def anatomy(patient: Patient) -> Body:
    """The patient's body: its size follows from the healthy FVC; more fibrosis makes its lungs smaller and denser."""
    rng = np.random.default_rng([patient.seed, 3])
    size = float(np.clip((patient.typical_ml / 3800) ** (1 / 3) + rng.normal(0, 0.02), 0.78, 1.12))
    expected = 1.1 * patient.typical_ml / 1000
    breath = 0.75 + 0.25 * patient.first_fvc_ml / (0.8 * patient.typical_ml)
    litres = expected * breath * (1 - 0.45 * (patient.fibrosis - MEAN_FIBROSIS)) * rng.lognormal(0, 0.05)
    litres = min(litres, ROOM_LITRES * size**3)
    share_left = float(rng.normal(0.46, 0.01))
    body = chest(litres * share_left, litres * (1 - share_left), size).with_vessels(patient.seed)
    return body.fibrotic(patient.fibrosis).on_table()
