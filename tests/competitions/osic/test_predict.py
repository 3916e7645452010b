import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulmo.competitions.osic import ct_statistics
from pulmo.competitions.osic.data import read_visits
from pulmo.competitions.osic.predict import predict
from pulmo.competitions.osic.slices import ScanTask
from pulmo.competitions.osic.trained_model import TrainedModel, read_model
from pulmo.errors import UserError
from pulmo.pipeline import stage as stage_module
from pulmo.pipeline.runner import Run, StageResult, output, run_stages
from pulmo.pipeline.stage import load
from tests.competitions.osic.support import run_of
from tests.support import map_here

NO_STATISTICS = pd.DataFrame(index=pd.Index([], name="patient"))


@pytest.fixture(scope="module")
def model(finished: Run) -> TrainedModel:
    return read_model(output(finished, "fit_ensemble/model"))


@pytest.fixture
def alone(finished: Run, tables: Path, tmp_path: Path) -> Run:
    """Nothing but a model from elsewhere and the test files, which a test may change."""
    shutil.copytree(output(finished, "fit_ensemble/model"), tmp_path / "model")
    (tmp_path / "data").mkdir()
    for name in ("test.csv", "sample_submission.csv"):
        shutil.copy(tables / name, tmp_path / "data")
    run = run_of(tmp_path / "data", tmp_path / "work")
    return replace(run, inputs={"fit_ensemble/model": tmp_path / "model"})


def predict_stage(run: Run) -> StageResult:
    (result,) = run_stages(run, [run.competition.stage("predict")])
    return result


def test_the_submission_has_the_ids_of_the_sample(finished: Run, tables: Path) -> None:
    submission = pd.read_csv(output(finished, "predict/submission"))
    assert submission.columns.to_list() == ["Patient_Week", "FVC", "Confidence"]
    sample = pd.read_csv(tables / "sample_submission.csv")
    assert submission["Patient_Week"].to_list() == sample["Patient_Week"].to_list()
    assert (submission[["FVC", "Confidence"]] > 0).all(axis=None)


def test_the_model_alone_predicts_the_same(finished: Run, alone: Run) -> None:
    predict_stage(alone)
    assert output(alone, "predict/submission").read_bytes() == output(finished, "predict/submission").read_bytes()


def test_without_a_sample_every_week_is_predicted_and_it_is_said(alone: Run) -> None:
    (alone.paths.data / "sample_submission.csv").unlink()
    (note,) = predict_stage(alone).manifest.notes
    assert "weeks -12 to 133" in note
    assert len(load(output(alone, "predict/predictions"))) == 2 * 146


def test_a_patient_of_the_sample_who_is_not_in_the_test_file_is_named(alone: Run) -> None:
    with (alone.paths.data / "sample_submission.csv").open("a") as file:
        file.write("STRANGER_1,2000,100\nSTRANGER_2,2000,100\n")
    with pytest.raises(UserError, match="row 294, Patient_Week: asks for patient 'STRANGER'") as caught:
        predict_stage(alone)
    assert len(caught.value.faults) == 1


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    weeks=st.lists(st.integers(-200, 400), min_size=1, max_size=20),
    fvc_ml=st.floats(100, 10_000),
    percent=st.floats(1, 400),
    age=st.integers(1, 120),
)
def test_any_week_of_any_patient_has_a_finite_positive_forecast(
    model: TrainedModel, weeks: list[int], fvc_ml: float, percent: float, age: int
) -> None:
    visits = pd.DataFrame(
        [["A", 0, 3, fvc_ml, percent, float(age), "Female", "Never smoked"]],
        columns=["patient", "visit", "week", "fvc_ml", "percent", "age_years", "sex", "smoking"],
    )
    requested = pd.DataFrame({"patient": "A", "week": weeks})
    forecast = predict(model, visits, requested, NO_STATISTICS)
    assert forecast["Weeks"].to_list() == weeks
    values = forecast[["FVC", "Confidence"]].to_numpy()
    assert np.isfinite(values).all()
    assert (values > 0).all()


def test_before_the_baseline_the_fvc_stays_and_the_confidence_grows(model: TrainedModel, tables: Path) -> None:
    visits = read_visits(tables / "test.csv").head(1)
    week = int(visits["week"].iloc[0])
    requested = pd.DataFrame({"patient": visits["patient"].iloc[0], "week": [week, week - 10, week + 10]})
    forecast = predict(model, visits, requested, NO_STATISTICS)
    assert forecast["FVC"].iloc[1] == forecast["FVC"].iloc[0]
    assert forecast["Confidence"].iloc[1] == forecast["Confidence"].iloc[2] >= forecast["Confidence"].iloc[0]


def test_a_model_with_published_statistics_says_whom_they_do_not_know(tables: Path, tmp_path: Path) -> None:
    train, test = (pd.read_csv(tables / name)["Patient"].unique() for name in ("train.csv", "test.csv"))
    litres = np.linspace(2, 6, len(train) + 1)
    published = pd.DataFrame({"Patient": [*train, test[0]], "lung_litres": litres})
    published.to_csv(tmp_path / "published.csv", index=False)
    run = run_of(tables, tmp_path / "work", f"features.ct_statistics={tmp_path / 'published.csv'}")
    results = {result.spec.name: result for result in run_stages(run, run.competition.stages)}
    (note,) = results["predict"].manifest.notes
    assert test[1] in note
    assert test[0] not in note


def test_own_statistics_are_measured_on_the_test_scans(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def statistics(task: ScanTask) -> dict[str, float]:
        measured.append(f"{task.folder.parent.name}/{task.folder.name}")
        return {"lung_litres": 2.0 + int(task.folder.name[2:7]) / 50}

    monkeypatch.setattr(stage_module, "map_items", map_here)
    monkeypatch.setattr(ct_statistics, "measure_scan", statistics)
    data = tmp_path / "data"
    shutil.copytree(tables, data)
    patients = {name: pd.read_csv(data / f"{name}.csv")["Patient"].unique() for name in ("train", "test")}
    for name in patients:
        for patient in patients[name]:
            (data / name / patient).mkdir(parents=True)
    run = run_of(data, tmp_path / "work", "features.minimum_scans=20", 'features.scan_columns=["lung_litres"]')
    list(run_stages(run, run.competition.stages))
    assert load(output(run, "fit_ensemble/model") / "ensemble.json")["ct_source"] == {"kind": "own"}
    assert measured == [f"{name}/{patient}" for name in ("train", "test") for patient in patients[name]]
