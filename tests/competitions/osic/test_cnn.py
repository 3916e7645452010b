import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.osic.cnn import (
    LINES,
    Cohort,
    cohort,
    dataset_of,
    lines_of_patients,
    patient_numbers,
    quantiles_of_pairs,
    task_of,
)
from pulmo.competitions.osic.settings import CnnSettings
from pulmo.competitions.osic.slices import PatientSlices
from pulmo.competitions.osic.visit_pairs import forward_pairs
from pulmo.training.cross_validation import NetworkTrainer
from pulmo.training.device import computing_on
from tests.competitions.osic.support import settings_of


def visits_of(*patients: tuple[str, str, str, list[tuple[int, float]]]) -> pd.DataFrame:
    """Patients as (name, sex, smoking, visits as (week, FVC)), each of 60 years, with a first Percent of 80."""
    rows = [
        [name, number, week, fvc, 80 * fvc / visits[0][1], 60.0, sex, smoking]
        for name, sex, smoking, visits in patients
        for number, (week, fvc) in enumerate(visits)
    ]
    columns = ["patient", "visit", "week", "fvc_ml", "percent", "age_years", "sex", "smoking"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def pairs() -> pd.DataFrame:
    return forward_pairs(
        visits_of(
            ("A", "Male", "Ex-smoker", [(0, 2700.0), (26, 2600.0), (52, 2500.0)]),
            ("B", "Female", "Never smoked", [(5, 1900.0), (31, 1850.0)]),
            ("C", "Male", "Currently smokes", [(0, 3500.0), (52, 3100.0)]),
        )
    )


def test_the_report_s_numbers_and_two_more(pairs: pd.DataFrame) -> None:
    # (60 − 30)/30; female; never 00, ex 11, current 01; (Percent − 80)/20; (FVC − 2700)/800
    numbers = patient_numbers(pairs, ["C", "A", "B"])
    assert numbers.tolist() == [[1, 0, 0, 1, 0, 1], [1, 0, 1, 1, 0, 0], [1, 1, 0, 0, 0, -1]]
    unknown = pairs.assign(ex_smoker=np.nan, current_smoker=np.nan)
    assert patient_numbers(unknown, ["A"])[0, 2:4].tolist() == [1, 0]


def test_a_cohort_learns_from_later_visits_of_patients_with_slices(pairs: pd.DataFrame) -> None:
    slices = PatientSlices(["D", "C", "A"], np.zeros((3, 2, 16, 16), np.int16))
    known = cohort(pairs, slices)
    assert known.followed.tolist() == [False, True, True]
    assert known.numbers[0].tolist() == [0] * 6
    years_and_changes = known.target[:, :, :2].tolist()
    assert years_and_changes == [[[0, 0], [0, 0]], [[1, -2], [0, 0]], [[0.5, -0.5], [1, -1]]]
    # By 200 + 2·weeks: C 1/304, A half of 1/252 and half of 1/304; their sum becomes the number of patients, 2.
    weights = np.array([[0, 0], [1 / 304, 0], [0.5 / 252, 0.5 / 304]])
    np.testing.assert_allclose(known.target[:, :, 2], 2 * weights / weights.sum(), rtol=1e-6)


def test_lines_become_quantiles_of_each_pair_and_nan_without_slices(pairs: pd.DataFrame) -> None:
    lines = np.array([[[-0.5, 0, 0.5], [-2, -1, 0]], [[-1, 0, 1], [-1, 0, 1]]])
    requested = pairs[pairs["is_baseline_pair"]].assign(gap_weeks=np.array([26.0, -7.0, 0.0, 52.0]))
    found = quantiles_of_pairs(requested, ["A", "C"], lines)
    # 200 ml·(at once + years·a year): A after half a year and before the baseline; B has no slices; C after a year.
    expected = np.array([[-300, -100, 100], [-100, 0, 100], [np.nan] * 3, [-400, 0, 400]])
    np.testing.assert_allclose(found, expected)


@pytest.fixture(scope="module")
def ill_and_well() -> Cohort:
    """16 patients; the lungs of every other are dense, and lose 800 ml a year; the others lose nothing."""
    rng = np.random.default_rng(0)
    dense = np.arange(16) % 2 == 1
    hu = np.where(dense[:, None, None, None], -500, -850) + rng.normal(0, 30, (16, 2, 16, 16))
    target = np.zeros((16, 1, 3), np.float32)
    target[:, 0] = np.column_stack([np.ones(16), np.where(dense, -4, 0), np.ones(16)])
    slices = PatientSlices([f"P{number}" for number in range(16)], hu.astype(np.int16))
    return Cohort(slices, np.ones(16, bool), np.zeros((16, 6), np.float32), target)


def trainer_of(known: Cohort, settings: CnnSettings) -> NetworkTrainer:
    dataset = dataset_of(known, np.zeros(len(known.followed), np.int64))
    return NetworkTrainer(dataset, task_of(known, settings), seed=0)


def test_it_learns_what_only_the_scan_shows_of_patients_it_has_not_seen(
    ill_and_well: Cohort, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = settings_of(
        "train_cnn.epochs=4", "train_cnn.steps=15", "train_cnn.learning_rate=0.03", "train_cnn.batch=8"
    ).train_cnn
    held_out = np.arange(16) >= 12
    with computing_on("cpu"):
        trainer = trainer_of(ill_and_well, settings)
        trainer.train(np.repeat(held_out, 2), 0, tmp_path_factory.mktemp("cnn") / "checkpoint.npz")
        a_year = lines_of_patients(trainer.predict()[LINES], 16)[held_out, 1, 1]
    assert (a_year[1::2] < -2).all()
    assert (a_year[::2] > -2).all()


def test_what_is_held_out_teaches_nothing(ill_and_well: Cohort, tmp_path_factory: pytest.TempPathFactory) -> None:
    held_out = np.arange(16) >= 12
    other = ill_and_well._replace(
        target=np.where(held_out[:, None, None], 99, ill_and_well.target).astype(np.float32),
        numbers=np.where(held_out[:, None], 7, ill_and_well.numbers).astype(np.float32),
    )
    with computing_on("cpu"):
        first, second = (_weights(known, held_out, tmp_path_factory) for known in (ill_and_well, other))
    assert all(np.array_equal(one, another) for one, another in zip(first, second, strict=True))


def _weights(known: Cohort, held_out: np.ndarray, folders: pytest.TempPathFactory) -> list[np.ndarray]:
    trainer = trainer_of(known, settings_of("train_cnn.validation_share=0.34").train_cnn)
    trainer.train(np.repeat(held_out, 2), 0, folders.mktemp("cnn") / "checkpoint.npz")
    return [np.asarray(weights) for weights in trainer.network.get_weights()]
