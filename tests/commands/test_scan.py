"""`pulmo scan` on a phantom written as a scanner would."""

import json
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine
from PIL import Image

from pulmo.imaging.reading import read_volume
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
    write_series(
        folder, draw(chest(2.0, 2.5).on_table(), grid, seed=1, noise_sd=10), grid, Series("phantom", thickness_mm=5.0)
    )
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


def test_people_read_names_and_units(series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run_pulmo(capsys, "scan", series, "--out", tmp_path)
    lines = [re.split(r"\s{2,}", line, maxsplit=1) for line in out.splitlines()]
    texts = {name: rest[0] for name, *rest in lines if rest}
    assert texts["Slices"] == "30, 10 mm apart, 5 mm thick"
    assert texts["Pixels"] == "128 × 128 of 3 × 3 mm"
    assert re.fullmatch(r"4\.[45]\d l: left (1\.9|2\.0)\d l, right 2\.[45]\d l", texts["Lung volume"])
    assert re.fullmatch(r"−\d{3} ± \d+ HU \(standard deviation\)", texts["Mean density"])
    assert re.fullmatch(r"\d+\.\d% of lung volume", texts["Emphysema (below −950 HU)"])
    assert texts["Lung mask"] == "good"
    assert texts["Repairs"] == "none"
    assert texts["Caution"].startswith("Slices are 5 mm thick: the emphysema fraction")
    assert "_" not in "".join(texts)
    assert out.endswith("not for clinical use.\n")


def test_the_mask_and_the_scan_are_written(series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lungs, chest = tmp_path / "new" / "lungs.nii.gz", tmp_path / "chest.nii"
    words = ("--mask", lungs, "--volume", chest)
    code, out, _ = run_pulmo(capsys, "scan", series, "--json", "--out", tmp_path, *words)
    facts = json.loads(out)
    assert (code, facts["mask"], facts["volume"]) == (0, str(lungs), str(chest))
    mask, scan = (nibabel.load(path) for path in (lungs, chest))
    labels, hu = np.asanyarray(mask.dataobj), np.asanyarray(scan.dataobj)
    np.testing.assert_array_equal(mask.affine, scan.affine)
    litres = [np.count_nonzero(labels == side) * 10 * 3 * 3 / 1e6 for side in (1, 2)]
    assert litres == pytest.approx([facts["lung_litres_left"], facts["lung_litres_right"]])
    assert hu[labels > 0].mean() == pytest.approx(facts["hu_mean"])
    assert apply_affine(mask.affine, np.argwhere(labels == 1).mean(axis=0))[0] < 0  # left is −x in RAS


def test_numpy_files_hold_the_slices_as_they_are(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lungs, chest = tmp_path / "lungs.npz", tmp_path / "chest.npz"
    words = ("--mask", lungs, "--volume", chest)
    assert run_pulmo(capsys, "scan", series, "--out", tmp_path, *words)[0] == 0
    volume = read_volume(series)
    with np.load(lungs) as mask, np.load(chest) as scan:
        np.testing.assert_array_equal(scan["hu"], volume.hu)
        assert mask["labels"].shape == volume.hu.shape
        for name in ("positions_mm", "pixel_spacing_mm", "directions", "shear_mm", "origin_mm"):
            np.testing.assert_array_equal(mask[name], getattr(volume, name))
            np.testing.assert_array_equal(scan[name], getattr(volume, name))


def test_an_unknown_format_is_refused_first(series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run_pulmo(capsys, "scan", series, "--out", tmp_path / "out", "--mask", tmp_path / "lungs.mha")
    assert (code, out) == (2, "")
    assert "lungs.mha: the name must end in .nii.gz, .nii or .npz. Write lungs.nii.gz, for example." in err
    assert not (tmp_path / "out").exists()


def test_one_file_for_mask_and_scan_is_refused(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = tmp_path / "both.npz"
    code, out, err = run_pulmo(capsys, "scan", series, "--mask", both, "--volume", both)
    assert (code, out) == (2, "")
    assert f"--mask and --volume {both}: names the same file for the mask and the scan" in err
    assert not both.exists()


def test_a_head_has_geometry_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = axial(evenly(24, 10.0), (96, 96), 3.0)
    write_series(tmp_path / "head", draw(head(), grid, seed=1), grid, Series("head"))
    words = ("scan", tmp_path / "head", "--out", tmp_path, "--mask", tmp_path / "m.npz", "--volume", tmp_path / "v.npz")
    code, out, err = run_pulmo(capsys, *words)
    assert code == 1
    assert "24, 10 mm apart" in out
    assert "no lungs" in err
    assert not (tmp_path / "m.npz").exists()
    assert (tmp_path / "v.npz").exists()
    with Image.open(tmp_path / "montage.png") as image:
        assert len(image.convert("L").getcolors() or []) > 20

    code, out, _ = run_pulmo(capsys, *words, "--json")
    facts = json.loads(out)
    assert (code, facts["slices"], facts["spacing_mm"]) == (1, 24, pytest.approx([10, 3, 3]))
    assert "no lungs" in facts["faults"][0]["what"]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_a_series_is_named(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = run_pulmo(capsys, "scan", tmp_path / name, "--out", tmp_path)
    assert code == 1
    assert name in err
    assert "Traceback" not in err
