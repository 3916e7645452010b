from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.osic import ct_statistics
from pulmo.competitions.osic.features import model_features, training_examples
from pulmo.competitions.osic.visit_pairs import CLINICAL_COLUMNS
from pulmo.errors import UserError
from pulmo.pipeline import stage as stage_module
from pulmo.pipeline.runner import Run, StageResult, output, run_stages
from pulmo.pipeline.stage import load
from tests.competitions.osic.support import run_of
from tests.support import map_here

PAIRS = pd.DataFrame(
    [["A", 10, 2000, 50, 70, 1, 1, 0, -100], ["B", -5, 3000, 80, 60, 0, 0, 1, 0]],
    columns=["patient", *CLINICAL_COLUMNS, "change_ml"],
)


def features_of(run: Run) -> StageResult:
    (result,) = run_stages(run, [run.competition.stage("features")])
    return result


def test_features_are_the_clinical_columns_and_no_week_is_before_the_baseline() -> None:
    features = model_features(PAIRS, pd.DataFrame(index=pd.Index([], name="patient")), [])
    assert features.tolist() == [[10, 2000, 50, 70, 1, 1, 0], [0, 3000, 80, 60, 0, 0, 1]]


def test_ct_statistics_join_by_patient_and_fvc_over_volume_is_derived() -> None:
    statistics = pd.DataFrame({"lung_litres": [4.0], "hu_mean": [-700.0]}, index=pd.Index(["A"], name="patient"))
    features = model_features(PAIRS, statistics, ["hu_mean", "lung_litres"])
    # 2000 ml are half of the 4 litres.
    np.testing.assert_allclose(features[:, 7:], np.array([[-700, 4, -np.log(2)], [np.nan] * 3]))


def test_examples_carry_the_change() -> None:
    from_baseline, last = np.array([True, False]), np.array([True, True])
    pairs = PAIRS.assign(gap_weeks=np.array([10.0, 0.0]), is_baseline_pair=from_baseline, is_last_three=last)
    examples = training_examples(pairs, pd.DataFrame(index=pd.Index([])), [])
    assert examples.target.tolist() == [-100, 0]
    assert examples.group.tolist() == PAIRS["patient"].to_list()
    assert examples.scored.tolist() == [True, False]
    assert examples.weight == pytest.approx([1 / 220, 1 / 200])


def test_without_scans_the_tables_are_enough_and_it_is_said(finished: Run) -> None:
    description = load(output(finished, "features/description"))
    assert description["ct_source"] == {"kind": "none"}
    assert description["ct_columns"] == []
    assert (description["patients"], description["patients_with_ct"]) == (24, 0)
    (again,) = run_stages(finished, [finished.competition.stage("features")])
    assert again.skipped
    assert any("without a scan folder" in note for note in again.manifest.notes)
    assert any("those of 50 patients are needed, and there are 0" in note for note in again.manifest.notes)


def test_no_patient_is_in_two_folds(finished: Run) -> None:
    folds = load(output(finished, "features/folds"))
    assert folds["patient"].is_unique
    assert sorted(folds["fold"].value_counts()) == [8, 8, 8]
    assert set(load(output(finished, "features/visit_pairs"))["patient"]) <= set(folds["patient"])


def test_published_statistics_replace_ours_and_are_recorded(tables: Path, tmp_path: Path) -> None:
    patients = pd.read_csv(tables / "train.csv")["Patient"].unique()
    published = pd.DataFrame({"Patient": patients[1:], "Volume": 3000.0, "Mean": 1.0, "Skew": 1.0, "Kurthosis": 1.0})
    published.to_csv(tmp_path / "published.csv", index=False)
    run = run_of(tables, tmp_path / "work", f"features.ct_statistics={tmp_path / 'published.csv'}")
    result = features_of(run)
    description = load(output(run, "features/description"))
    assert description["ct_source"]["kind"] == "published"
    assert description["ct_source"]["file"] == "published.csv"
    assert len(description["ct_source"]["sha256"]) == 64
    assert description["ct_columns"] == ["lung_litres"]
    assert description["patients_with_ct"] == 23
    assert result.manifest.notes == ("published.csv lacks 1 of 24 patients",)


def test_a_statistic_that_is_not_measured_is_refused(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_module, "map_items", map_here)
    monkeypatch.setattr(ct_statistics, "measure_scan", lambda task: {"lung_litres": 4.0})
    (tmp_path / "data/train/ID1").mkdir(parents=True)
    rows = (tables / "train.csv").read_text().splitlines()
    named = [rows[0], *(row.replace(rows[1].partition(",")[0], "ID1") for row in rows[1:])]
    (tmp_path / "data/train.csv").write_text("\n".join(named))
    with pytest.raises(UserError, match=r"'lung_liters' is not measured\. Choose from lung_litres"):
        features_of(run_of(tmp_path / "data", tmp_path / "work", 'features.scan_columns=["lung_liters"]'))


def test_too_few_patients_are_refused(tmp_path: Path) -> None:
    rows = [f"P{number},{week},3000,80,70,Male,Ex-smoker" for number in range(5) for week in (0, 10)]
    header = "Patient,Weeks,FVC,Percent,Age,Sex,SmokingStatus"
    (tmp_path / "train.csv").write_text("\n".join([header, *rows]))
    with pytest.raises(UserError, match="5 patients were seen more than once"):
        features_of(run_of(tmp_path, tmp_path / "work"))
