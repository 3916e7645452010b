"""OSIC's report page: every figure of a finished run, and numbers known beforehand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.osic.figures.forecasts import coverage, score_of_patients, scored, spread
from pulmo.competitions.osic.figures.severity import BANDS, severity
from pulmo.pipeline.runner import Run, output
from pulmo.pipeline.stage import load
from tests.competitions.osic.support import run_of
from tests.figures import check_page, figures_of, remarks_of, sections_of


@pytest.mark.slow
def test_a_run_without_scans_has_all_other_figures(finished: Run, tmp_path: Path) -> None:
    sections = sections_of(finished)
    check_page(sections, tmp_path / "page.html")
    left_out = {name for remark in remarks_of(sections) for name in remark.split(":")[0].lower().split(", ")}
    assert left_out == {
        *("files per patient", "raw and hounsfield", "header", "resampling", "montage", "without mask", "with mask"),
        *("mask quality", "network input", "losses", "gains", "scanner tables", "volume and fvc"),
    }
    figures = figures_of(sections)
    assert figures["Excluded scans"].caption.startswith("Of 24 patients, 24 have no usable scan")
    weights = load(output(finished, "fit_ensemble/model") / "ensemble.json")["weights"]
    assert f"{max(weights, key=weights.get)} has the largest weight" in figures["Ensemble weights"].caption


def test_before_training_remarks_name_the_stage_to_run(tables: Path, tmp_path: Path) -> None:
    sections = sections_of(run_of(tables, tmp_path), "training", "results", "errors")
    assert figures_of(sections) == {}
    assert all("has not been made. Run `pulmo osic" in remark for remark in remarks_of(sections))


def test_the_worst_patients_are_those_of_the_lowest_scores(finished: Run) -> None:
    worst = figures_of(sections_of(finished, "errors"))["The 15 worst predictions"].content
    rows = scored(load(output(finished, "fit_ensemble/out_of_fold")))
    assert worst["score"].is_monotonic_increasing
    assert worst["patient"].tolist() == score_of_patients(rows).index[:15].tolist()
    assert rows.loc[rows["is_last_three"], "score"].mean() == pytest.approx(score_of_patients(rows).mean())


def test_the_real_tables(osic_data: Path, tmp_path: Path) -> None:
    figures = figures_of(sections_of(run_of(osic_data, tmp_path), "data"))
    fvc = pd.read_csv(osic_data / "train.csv")["FVC"]
    overview = figures["Overview of the table"]
    assert overview.caption.startswith("1,231 visits of 140 patients, 6 of them repeated in the same week")
    assert f"FVC from {fvc.min():,} to {fvc.max():,} ml, {fvc.mean():,.1f} ml on average" in overview.caption
    row = overview.content.set_index("variable").loc["FVC, ml"]
    assert (row["min"], row["max"]) == (837, 5045)
    assert row["mean"] == pytest.approx(2692.6, abs=0.05)
    assert {"Severity at the first visit", "Correlations", "FVC trajectories", "Distributions"} <= set(figures)


def test_decline_is_each_patients_own_slope(tmp_path: Path) -> None:
    """A loses 10 ml a week, B 2 ml; with a median of −6 ml, 313 ml are lost in 52.18 weeks."""
    rows = [
        (patient, week, 3000 + slope * week, 80.0, 70, "Male", "Ex-smoker")
        for patient, slope in (("A", -10), ("B", -2))
        for week in (0, 10, 30)
    ]
    columns = ["Patient", "Weeks", "FVC", "Percent", "Age", "Sex", "SmokingStatus"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "train.csv", index=False)
    figures = figures_of(sections_of(run_of(tmp_path, tmp_path / "work"), "data"))
    caption = figures["Decline by patient"].caption
    assert "2 patients: median −313 ml per year" in caption
    assert caption.endswith("100% decline.")


@pytest.mark.parametrize(
    ("percent", "band"),
    [(100, "normal"), (80, "normal"), (79.99, "mild"), (70, "mild"), (60, "moderate"), (59.9, "severe"), (1, "severe")],
)
def test_severity(percent: float, band: str) -> None:
    assert severity(percent) == band
    assert band in BANDS


def test_coverage_of_laplace_errors_is_nominal() -> None:
    nominal = (np.arange(1000) + 0.5) / 1000
    confidence = np.linspace(100, 300, 1000)
    error = -np.log(1 - nominal) / np.sqrt(2) * confidence * np.where(np.arange(1000) % 2, 1, -1)
    rows = pd.DataFrame({"error_ml": error, "confidence_ml": confidence})
    expected = np.array([0.1, 0.5, 0.8, 0.95])
    np.testing.assert_allclose(coverage(rows, expected), expected, atol=1e-9)
    np.testing.assert_allclose(coverage(rows.assign(confidence_ml=1e9), expected), 1)


def test_patients_are_spread_from_the_worst_to_the_best() -> None:
    scores = pd.Series(np.arange(10.0), index=list("abcdefghij"))
    assert spread(scores, 4) == ["a", "d", "g", "j"]
    assert spread(scores.head(2), 8) == ["a", "b"]
