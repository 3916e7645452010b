"""`pulmo xray`: files of every kind, one or many, good and bad."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pulmo.models.lung_network import PIXELS
from pulmo.radiographs import lungs
from tests.imaging.test_colour import write as write_colour
from tests.imaging.test_radiograph import write
from tests.support import run_pulmo

GREY = np.linspace(0, 255, 100 * 200).reshape(100, 200).astype(np.uint8)
"""In the letterboxed image rows 48 to 144, of 192."""


@pytest.fixture(autouse=True)
def two_lungs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that finds two rectangles in every image: of GREY 1/4 by 1/2 and 5/16 by 1/2."""
    probability = np.zeros((PIXELS, PIXELS), np.float32)
    probability[72:120, 24:72] = probability[72:120, 96:156] = 1
    monkeypatch.setattr(lungs, "shipped_network", lambda: lambda image: probability)


def facts(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict[str, Any]:
    code, out, err = run_pulmo(capsys, "xray", *words, "--json")
    found: dict[str, Any] = json.loads(out)
    assert code == (1 if found["faults"] else 0), err
    return found


def test_areas_in_square_centimetres(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "one.dcm", GREY, 8, PixelSpacing=[2.0, 1.0], ViewPosition="PA", Modality="DX")
    (image,) = facts(capsys, path, "--out", tmp_path / "out")["images"]
    # Right 50 · 50 pixels, left 50 · 62.5, of 0.02 cm².
    assert image["lung_pixels_right"] == pytest.approx(2500, rel=0.01)
    assert image["lung_pixels_left"] == pytest.approx(3125, rel=0.02)
    assert image["lung_cm2_right"] == pytest.approx(image["lung_pixels_right"] * 0.02, abs=0.01)
    assert image["lung_cm2"] == pytest.approx(image["lung_cm2_left"] + image["lung_cm2_right"], abs=0.011)
    assert image["lung_share"] == pytest.approx(5625 / 20_000, rel=0.02)
    assert (image["rows"], image["columns"], image["view"], image["pixel_spacing_mm"]) == (100, 200, "PA", [2, 1])
    with Image.open(tmp_path / "out/one_lungs.png") as mask:
        values = np.asarray(mask)
    assert values.shape == (100, 200)
    assert set(np.unique(values)) == {0, 255}
    assert (values == 255).sum() == image["lung_pixels"]
    with Image.open(image["overlay"]) as overlay:
        assert overlay.mode == "RGB"
        assert overlay.width == 200
        colours = np.asarray(overlay)[:100].astype(int)
    inked = np.ptp(colours, axis=2) > 60
    assert inked[:, :90].any()
    assert inked[:, 90:].any()
    assert not inked[:20].any()


def test_the_spacing_at_the_detector_serves_where_there_is_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "one.dcm", GREY, 8, ImagerPixelSpacing=[2.0, 1.0])
    (image,) = facts(capsys, path, "--out", tmp_path)["images"]
    assert image["pixel_spacing_mm"] == [2, 1]


def test_a_mirrored_image_has_the_left_lung_on_the_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "one.dcm", GREY, 8, PatientOrientation=["R", "F"])
    (image,) = facts(capsys, path, "--out", tmp_path)["images"]
    assert image["lung_pixels_left"] < image["lung_pixels_right"]


@pytest.mark.parametrize(("spacing_mm", "told"), [(1.0, True), (2.0, False)])
def test_a_pixel_spacing_that_makes_an_adult_a_dwarf_is_noted(
    spacing_mm: float, told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lungs are 25 to 162.5 of 200 pixels: 137.5 pixels wide."""
    path = write(tmp_path / "one.dcm", GREY, 8, PixelSpacing=[spacing_mm] * 2, PatientAge="057Y")
    (image,) = facts(capsys, path, "--out", tmp_path)["images"]
    note = r"by its pixel spacing the lungs are 13[78] mm wide, too narrow for 57 years"
    assert bool(image["notes"]) == told
    assert all(re.fullmatch(note, found) for found in image["notes"])
    child = write(tmp_path / "two.dcm", GREY, 8, PixelSpacing=[1, 1], PatientAge="003Y")
    assert facts(capsys, child, "--out", tmp_path)["images"][0]["notes"] == []


def test_too_narrow_for_an_adult_is_noted_without_an_age_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "one.dcm", GREY, 8, PixelSpacing=[1, 1])
    (image,) = facts(capsys, path, "--out", tmp_path)["images"]
    (note,) = image["notes"]
    expected = r"by its pixel spacing the lungs are 13[78] mm wide, too narrow for an adult; no age is in its header"
    assert re.fullmatch(expected, note)
    assert image["lung_cm2"] == pytest.approx(image["lung_pixels"] * 0.01, abs=0.01)
    wide = write(tmp_path / "two.dcm", GREY, 8, PixelSpacing=[2, 2])
    assert facts(capsys, wide, "--out", tmp_path)["images"][0]["notes"] == []


def test_a_mask_is_doubted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, image in (("mask", (GREY > 99).astype(np.uint8) * 255), ("grey", GREY)):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    grey, mask = facts(capsys, tmp_path, "--out", tmp_path / "out")["images"]
    assert mask["quality"]["verdict"] == "doubtful"
    mask_only = set(mask["quality"]["reasons"]) - set(grey["quality"]["reasons"])
    assert mask_only == {"only two grey levels: a mask, no X-ray"}


def test_a_hand_is_doubted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "one.dcm", GREY, 8, BodyPartExamined="HAND")
    code, out, _ = run_pulmo(capsys, "xray", path, "--out", tmp_path)
    assert code == 0
    assert "doubtful; its BodyPartExamined is HAND" in out


def test_one_file_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(GREY).save(tmp_path / "one.png")
    code, out, _ = run_pulmo(capsys, "xray", tmp_path / "one.png", "--out", tmp_path)
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert code == 0
    assert lines["image"] == "100 × 200 pixels"
    assert lines["pixel_spacing_mm"] == "unknown"
    assert " pixels of lung (left 3," in lines["area"]
    assert out.endswith("not for clinical use.\n")


def test_grey_stored_in_colour_is_segmented_and_colour_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    channels = np.repeat(GREY[..., None], 3, axis=2)
    write_colour(tmp_path / "grey.dcm", channels)
    write_colour(tmp_path / "red.dcm", channels // np.array([1, 2, 2], np.uint8))
    found = facts(capsys, tmp_path, "--out", tmp_path / "out")
    (image,), (fault,) = found["images"], found["faults"]
    assert image["file"].endswith("grey.dcm")
    assert fault["where"].endswith("red.dcm")
    assert "in colour" in fault["what"]


def test_files_of_every_kind_and_a_bad_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    (folder / "deeper").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "deeper/a.png", "small.png"):
        Image.fromarray(GREY[:20, :40] if name.startswith("small") else GREY).save(folder / name)
    Image.fromarray(GREY.astype(np.uint16) * 200).save(folder / "sixteen.png")
    Image.fromarray(np.stack([GREY] * 3, axis=-1)).save(folder / "grey_rgb.png")
    write(folder / "a.dcm", GREY, 8, PhotometricInterpretation="MONOCHROME1")
    write(folder / "no_suffix", GREY, 8)
    write(folder / "jpeg.DCM", GREY, 8, jpeg=True)
    (folder / "broken.dcm").write_bytes(b"not DICOM")
    (folder / "colour.png").write_bytes((folder / "a.png").read_bytes()[:100])
    (folder / "notes.txt").write_text("no image")
    out = tmp_path / "out"
    code, printed, err = run_pulmo(capsys, "xray", folder, "--out", out)
    *lines, last = printed.splitlines()
    assert code == 1
    assert len(lines) == 9
    assert all("of lung (left" in line for line in lines)
    assert "not for clinical use" in last
    assert "broken.dcm: not a DICOM file" in err
    assert "colour.png: " in err
    assert "notes" not in printed + err
    made = sorted(str(path.relative_to(out)) for path in out.rglob("*_lungs.png"))
    names = ("a_dcm", "a_png", "b", "deeper/a", "grey_rgb", "jpeg", "no_suffix", "sixteen", "small")
    assert made == [f"{name}_lungs.png" for name in names]
    with Image.open(out / "small_lungs.png") as mask:
        assert mask.size == (40, 20)
    found = facts(capsys, folder, "--out", out)
    assert len(found["images"]) == 9
    assert len(found["faults"]) == 2
    assert {"where", "what", "remedy"} == set(found["faults"][0])


def test_what_it_has_made_is_not_taken_for_x_rays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(GREY).save(tmp_path / "one.png")
    for _ in range(2):
        assert len(facts(capsys, tmp_path, "--out", tmp_path)["images"]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "one_lungs.png", "one_overlay.png"]


@pytest.mark.parametrize("out", [".", "deeper/out"])
def test_a_second_run_into_the_input_folder_is_as_the_first(
    out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deeper").mkdir()
    for name in ("one.png", "one.jpg", "deeper/two.b.png", "other_lungs.png"):
        Image.fromarray(GREY).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    first = facts(capsys, ".", "--out", tmp_path / out)
    files = sorted(tmp_path.rglob("*"))
    assert [image["file"] for image in first["images"]] == ["deeper/two.b.png", "one.jpg", "one.png", "other_lungs.png"]
    assert facts(capsys, ".", "--out", tmp_path / out) == first
    assert sorted(tmp_path.rglob("*")) == files


def test_quiet_leaves_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(GREY).save(tmp_path / "one.png")
    (tmp_path / "two.png").touch()
    for option in ("-q", "--quiet"):
        code, out, err = run_pulmo(capsys, "xray", tmp_path, "--out", tmp_path, option)
        assert code == 1
        assert "one.png: " in out
        assert "two.png: not an image, but an empty file" in err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "nowhere: there is no such file or folder"),
        ("empty", "empty: holds no X-ray, at any depth"),
        ("bad.dcm", "bad.dcm: not a DICOM file"),
        ("empty.dcm", "empty.dcm: not a DICOM file, but an empty file"),
        ("empty.jpg", "empty.jpg: not an image, but an empty file"),
        ("one.tif", "one.tif: not a DICOM file, but a TIFF image. Give an X-ray as DICOM, PNG or JPEG (.dcm, .png, "),
    ],
)
def test_nothing_to_segment(name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.dcm").write_bytes(b"no")
    for ending in ("dcm", "jpg"):
        (tmp_path / f"empty.{ending}").touch()
    Image.fromarray(GREY).save(tmp_path / "one.tif")
    code, out, err = run_pulmo(capsys, "xray", tmp_path / name, "--out", tmp_path / "out")
    assert (code, out) == (1, "")
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_a_large_image_has_a_smaller_overlay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.zeros((1500, 3000), np.uint8)).save(tmp_path / "one.png")
    (image,) = facts(capsys, tmp_path / "one.png", "--out", tmp_path)["images"]
    with Image.open(image["mask"]) as mask, Image.open(image["overlay"]) as overlay:
        assert mask.size == (3000, 1500)
        assert overlay.width == 1024
