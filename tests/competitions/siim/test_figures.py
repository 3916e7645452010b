"""SIIM's report page: every figure of a finished run, and numbers known beforehand."""

from pathlib import Path

import pandas as pd
import pytest

from pulmo.pipeline.runner import Run, output
from pulmo.pipeline.stage import load
from tests.competitions.siim.support import run_of
from tests.figures import check_page, figures_of, remarks_of, sections_of


@pytest.mark.slow
def test_every_figure_of_a_finished_run_is_drawn(finished: Run, tmp_path: Path) -> None:
    sections = sections_of(finished)
    assert [remark for remark in remarks_of(sections) if not remark.startswith("False positives")] == []
    check_page(sections, tmp_path / "page.html")
    figures = figures_of(sections)
    estimate = load(output(finished, "fit_ensemble/estimate"))
    assert f"{estimate['score']:.4f} ± {estimate['standard_error']:.4f}" in figures["Out of fold"].caption
    search = load(output(finished, "fit_ensemble/search"))
    assert f"{len(search):,} combinations" in figures["Threshold search"].caption
    assert f"the best scores {search['dice'].max():.4f}" in figures["Threshold search"].caption
    assert "0 of whom are in several folds" in figures["Folds"].caption


def test_empty_images_and_those_of_several_rows_are_counted(tmp_path: Path) -> None:
    rows = [("none", "-1"), ("one", "0 1024"), ("apart", "0 10"), ("apart", "20 10"), ("over", "0 10"), ("over", "5 9")]
    pd.DataFrame(rows, columns=["ImageId", "EncodedPixels"]).to_csv(tmp_path / "stage_2_train.csv", index=False)
    sections = sections_of(run_of(tmp_path, tmp_path / "work"), "data")
    figures = figures_of(sections)
    caption = figures["Empty and multi-row images"].caption
    assert caption.startswith("6 rows of 4 images: 1 (25.0%) have no pneumothorax")
    assert "2 have several masks, which overlap in 1 images" in caption
    bars = figures["Empty and multi-row images"].content.axes[0].patches
    assert [bar.get_height() for bar in bars] == [1, 1, 2]
    assert "3 images" in figures["Mask areas"].caption
    assert "the median mask covers 0.00%" in figures["Mask areas"].caption  # 20 pixels of a million
    assert [bar.get_width() for bar in figures["Side"].content.axes[0].patches] == [3, 0, 0]  # first columns: left
    assert [remark.split(":")[0] for remark in remarks_of(sections)] == [
        "Age by label, sex and view",
        "With pneumothorax, without pneumothorax",
    ]


def test_before_training_remarks_name_the_stage_to_run(drawn: Path, tmp_path: Path) -> None:
    sections = sections_of(run_of(drawn / "data", tmp_path), "training", "results")
    assert figures_of(sections) == {}
    assert all("has not been made. Run `pulmo siim" in remark for remark in remarks_of(sections))


@pytest.mark.slow
def test_captions_of_the_real_masks(siim_data: Path, tmp_path: Path) -> None:
    figures = figures_of(sections_of(run_of(siim_data, tmp_path), "data"))
    caption = figures["Empty and multi-row images"].caption
    for words in ("12,954 rows of 12,047 images", "9,378 (77.8%)", "624 have several masks", "overlap in 183 images"):
        assert words in caption
    assert "2,669 images" in figures["Mask areas"].caption
    assert len(figures["With pneumothorax"].content) == len(figures["Without pneumothorax"].content) == 5
