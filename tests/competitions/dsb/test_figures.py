"""The Data Science Bowl's report page before a run: scans read from the data themselves."""

from pathlib import Path

import numpy as np

from pulmo.competitions.dsb.figures.scans import of_class
from tests.competitions.dsb.support import run_of
from tests.figures import figures_of, remarks_of, sections_of


def test_scans_of_both_classes_rotate(kaggle: Path, tmp_path: Path) -> None:
    sections = sections_of(run_of(kaggle, tmp_path), "data")
    assert remarks_of(sections) == []
    figures = figures_of(sections)
    caption = figures["Class balance"].caption
    assert "8 labelled scans of 8 patients, 50.0% of them 'cancer'" in caption
    assert "predicting 0.500 for every scan gives a log loss of 0.693. 2 more have no label." in caption
    assert figures["Spacing and slice counts"].caption.startswith("8 scans drawn at random")
    assert figures["Lung volume by class"].caption.startswith("8 scans drawn at random")
    for kind in ("no cancer", "cancer"):
        plot = figures[f"A scan of class “{kind}”"].content
        assert plot.layout.meta["rotates"]
        assert plot.data[-1].name == "lungs"
        assert plot.data[-1].opacity < 0.5
    assert len(figures["Slices"].content) == 14


def test_dense_voxels_are_inside_the_lungs(kaggle: Path, tmp_path: Path) -> None:
    scan = of_class(run_of(kaggle, tmp_path), 1)
    assert scan.kind == "cancer"
    assert scan.inside.mask.any()
    assert not (scan.inside.mask & ~scan.around.mask).any()
    assert (scan.volume.hu[scan.inside.mask] > -400).all()


def test_mr_scans_are_scaled_by_the_bodys_median(rats: Path, tmp_path: Path) -> None:
    scan = of_class(run_of(rats, tmp_path), 0)
    assert scan.around.name == "body"
    body = scan.volume.hu[scan.around.mask]
    assert abs(float(np.median(body)) - 1000) < 150  # a thousandth of the body's median is the unit
    assert 0.05 < scan.around.mask.mean() < 0.95


def test_unlabelled_scans_give_remarks(kaggle: Path, tmp_path: Path) -> None:
    sections = sections_of(run_of(next((kaggle / "stage1").iterdir()), tmp_path), "data")
    remarks = remarks_of(sections)
    assert "1 scans, none labelled" in remarks[0]
    assert sum(len(remark.split(":")[0].split(", ")) for remark in remarks) == 6
