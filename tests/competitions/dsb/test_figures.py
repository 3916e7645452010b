"""The Data Science Bowl's report page before a run: scans read from the data themselves."""

from pathlib import Path

import numpy as np

from pulmo.competitions.dsb.figures.scans import of_class
from tests.competitions.dsb.support import run_of
from tests.figures import figures_of, remarks_of, sections_of


def test_scans_of_both_classes_turn(kaggle: Path, tmp_path: Path) -> None:
    sections = sections_of(run_of(kaggle, tmp_path), "data")
    assert remarks_of(sections) == []
    figures = figures_of(sections)
    said = figures["Class balance"].caption
    assert "8 labelled scans of 8 patients, 50.0% of them 'cancer'" in said
    assert "who says 0.500 of every scan has a log loss of 0.693. 2 more have no label." in said
    for kind in ("no cancer", "cancer"):
        picture = figures[f"A scan of the class “{kind}”"].content
        assert picture.layout.meta["rotates"]
        assert picture.data[-1].name == "lungs"
        assert picture.data[-1].opacity < 0.5
    assert len(figures["Slices"].content) == 14


def test_what_is_dense_lies_in_the_lungs(kaggle: Path, tmp_path: Path) -> None:
    looked = of_class(run_of(kaggle, tmp_path), 1)
    assert looked.kind == "cancer"
    assert looked.inside.mask.any()
    assert not (looked.inside.mask & ~looked.around.mask).any()
    assert (looked.volume.hu[looked.inside.mask] > -400).all()


def test_mr_scans_are_shown_by_the_body_they_show(rats: Path, tmp_path: Path) -> None:
    looked = of_class(run_of(rats, tmp_path), 0)
    assert looked.around.name == "body"
    body = looked.volume.hu[looked.around.mask]
    assert abs(float(np.median(body)) - 1000) < 150  # a thousandth of the body's median is the unit
    assert 0.05 < looked.around.mask.mean() < 0.95


def test_scans_without_a_class_are_told_so(kaggle: Path, tmp_path: Path) -> None:
    sections = sections_of(run_of(next((kaggle / "stage1").iterdir()), tmp_path), "data")
    remarks = remarks_of(sections)
    assert "1 scans, none labelled" in remarks[0]
    assert sum(len(remark.split(":")[0].split(", ")) for remark in remarks) == 4
