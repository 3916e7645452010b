"""RSNA's report page: every figure of a finished run, and numbers known beforehand."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.rsna.data import read_labels
from pulmo.competitions.rsna.figures.boxes import held_out
from pulmo.competitions.rsna.figures.results import run_comparison
from pulmo.pipeline.runner import Run, output
from pulmo.pipeline.stage import load, save
from pulmo.scoring.box_precision import box_precision, mean_precision
from tests.competitions.rsna.support import run_of
from tests.figures import check_page, figures_of, remarks_of, sections_of

OPTIONAL = ("False positives", "Ablation")  # there may be none; cv has not been run


@pytest.mark.slow
def test_every_figure_of_a_finished_run_is_drawn(finished: Run, tmp_path: Path) -> None:
    sections = sections_of(finished)
    assert [remark for remark in remarks_of(sections) if not remark.startswith(OPTIONAL)] == []
    check_page(sections, tmp_path / "page.html")
    figures = figures_of(sections)
    estimate = load(output(finished, "fit_ensemble/estimate"))
    assert f"the score is the mean, {estimate['score']:.4f}" in figures["Precision by IoU threshold"].caption
    runs = figures["Comparison of runs"].content.set_index("run")
    scores = load(output(finished, "train_segmenter/image_scores"))
    assert runs.loc[finished.paths.work.name, "mean IoU"] == scores["iou"].mean()
    classes = load(output(finished, "features/image_table"))["class"].value_counts()
    folds = figures["Folds"].content
    assert folds["opacity"].sum() == classes["Lung Opacity"]


def test_held_out_boxes_have_the_stages_score(finished: Run) -> None:
    held, truth, found = held_out(finished)
    scores = box_precision(truth, found, len(held))
    np.testing.assert_allclose(scores, held["score"])
    assert mean_precision(scores) == load(output(finished, "fit_ensemble/estimate"))["score"]


def test_runs_are_compared(finished: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        for part in ("features", "train_segmenter", "fit_ensemble"):
            shutil.copytree(finished.paths.stage(part), tmp_path / name / part)
    scores = load(tmp_path / "two/train_segmenter/image_scores.parquet")
    save(tmp_path / "two/train_segmenter/image_scores", scores.assign(accuracy=0.999))
    shutil.rmtree(tmp_path / "one/fit_ensemble")
    (tmp_path / "no run").mkdir()
    run = run_of(finished.paths.data, tmp_path / "one")
    figure = run_comparison(run)
    assert figure.content["run"].tolist() == ["one", "two"]
    assert figure.content["pixel accuracy"].tolist() == pytest.approx([scores["accuracy"].mean(), 0.999])
    assert figure.content["precision"].isna().tolist() == [True, False]
    assert figure.caption.startswith("2 runs under")
    assert "'two' has the highest pixel accuracy, 0.9990" in figure.caption


def test_before_a_run_headers_are_read_from_the_x_rays(drawn: Path, tmp_path: Path) -> None:
    sections = sections_of(run_of(drawn / "data", tmp_path), "data")
    assert remarks_of(sections) == []
    figures = figures_of(sections)
    labels = read_labels(drawn / "data")
    positive = int((labels.images["boxes"] > 0).sum())
    assert figures["Classes"].caption.startswith(f"24 X-rays, {positive} of them ({positive / 24:.1%})")
    assert "From the headers of 24 of 24 X-rays" in figures["Age by class"].caption  # that of one cut short, too


@pytest.mark.slow
def test_captions_of_the_real_labels(rsna_data: Path, tmp_path: Path) -> None:
    sections = sections_of(run_of(rsna_data, tmp_path), "data")
    assert remarks_of(sections) == []
    figures = figures_of(sections)
    assert "26,684 X-rays, 6,012 of them (22.5%) with 9,555 boxes" in figures["Classes"].caption
    assert "At most 4 boxes" in figures["Boxes per X-ray"].caption
    assert "Above 110 years: 5 (148, 150, 151, 153, 155; crosses)" in figures["Age by class"].caption
    assert "of 26,684 X-rays are of women" in figures["Sex and view"].caption
    headers = pd.read_csv(rsna_data / "dicom_headers.csv.gz").drop_duplicates("PatientID")
    positive = read_labels(rsna_data).images.query("boxes > 0")["image"]
    expected = headers[headers["PatientID"].isin(positive)]["ViewPosition"].value_counts()
    views = figures["AP against PA"].content.set_index("view")["with opacity"]
    assert views.to_dict() == expected.to_dict()
    assert figures["Box positions"].caption.startswith("9,555 boxes")
    assert len(figures["X-rays of each class"].content) == 15
