"""`pulmo scan` on a phantom written as a scanner would."""

import json
from pathlib import Path

import pytest
from PIL import Image

from pulmo.phantom.chest import chest, head
from pulmo.phantom.dicom import Series, write_series
from pulmo.phantom.draw import draw
from pulmo.phantom.geometry import axial, evenly
from tests.browser import plots_of
from tests.support import run_pulmo


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan") / "phantom"
    grid = axial(evenly(30, 10.0), (128, 128), 3.0)
    write_series(folder, draw(chest(2.0, 2.5).on_table(), grid, seed=1, noise_sd=10), grid, Series("phantom"))
    return folder


def test_what_is_in_a_series(series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_pulmo(capsys, "scan", series, "--json", "--out", tmp_path)
    facts = json.loads(out)
    assert code == 0
    assert facts["lung_litres"] == pytest.approx(4.5, rel=0.02)
    assert facts["lung_litres_left"] == pytest.approx(2.0, rel=0.03)
    assert facts["lung_litres_right"] == pytest.approx(2.5, rel=0.03)
    assert facts["slices"] == 30
    assert facts["spacing_mm"] == pytest.approx([10, 3, 3])
    assert facts["quality"] == {"verdict": "good", "reasons": []}
    assert facts["repairs"] == []
    assert {"hu_mean", "hu_sd", "hu_skew", "hu_kurtosis"} <= set(facts)
    montage, histogram, turning = map(Path, facts["figures"])
    for picture in (montage, histogram):
        with Image.open(picture) as image:
            assert min(image.size) > 300
            assert len(image.convert("L").getcolors() or []) > 20
    (lungs,) = plots_of(turning)
    assert [(each["type"], each["name"]) for each in lungs["data"]] == [
        ("mesh3d", "left lung"),
        ("mesh3d", "right lung"),
    ]


def test_it_reads_well_aloud(series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run_pulmo(capsys, "scan", series, "--out", tmp_path)
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if len(line.split()) > 1)
    assert lines["repairs"] == "none"
    assert lines["spacing_mm"] == "10 × 3 × 3"
    assert out.endswith("not for clinical use.\n")


def test_a_head_has_no_lungs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = axial(evenly(24, 10.0), (96, 96), 3.0)
    write_series(tmp_path / "head", draw(head(), grid, seed=1), grid, Series("head"))
    code, out, err = run_pulmo(capsys, "scan", tmp_path / "head", "--out", tmp_path)
    assert (code, out) == (1, "")
    assert "no lungs" in err


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_a_series_is_named(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = run_pulmo(capsys, "scan", tmp_path / name, "--out", tmp_path)
    assert code == 1
    assert name in err
    assert "Traceback" not in err
