"""A folder → one scan, or an error with its remedy."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from pulmo.errors import ScanError
from pulmo.imaging import reading
from pulmo.imaging.lungs import segment_lungs
from pulmo.imaging.reading import read_volume
from pulmo.imaging.series import stacks
from pulmo.imaging.slices import SliceHeader
from pulmo.imaging.volume import Volume
from pulmo.phantom.chest import Body, chest, head, plain_lungs
from pulmo.phantom.dicom import Encoding, Series, write_series
from pulmo.phantom.draw import draw
from pulmo.phantom.geometry import Grid, axial, evenly
from tests.imaging.support import at

NOISE = np.random.default_rng(0).integers(-1000, 1000, (5, 8, 8)).astype(np.int16)
GRID = axial(evenly(5, 2.0), (8, 8), 1.5)


def rewrite(path: Path, **tags: object) -> None:
    dataset = pydicom.dcmread(path)
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)


def test_geometry_and_values(tmp_path: Path) -> None:
    write_series(tmp_path, NOISE, GRID.reversed(), None, Encoding(intercept=-1000, signed=True))
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.hu, NOISE[::-1])
    assert volume.hu.dtype == np.int16
    np.testing.assert_allclose(volume.positions_mm, [-4, -2, 0, 2, 4])
    assert volume.spacing_mm == (2.0, 1.5, 1.5)
    np.testing.assert_allclose(volume.extents_mm, 2.0)
    np.testing.assert_allclose(volume.voxel_litres, 2 * 1.5 * 1.5 / 1e6)
    np.testing.assert_allclose(volume.directions, [[0, 0, 1], [0, 1, 0], [1, 0, 0]])
    np.testing.assert_allclose(volume.shear_mm, 0, atol=1e-9)
    assert volume.repairs == ()


def test_extents_end_at_the_midpoints() -> None:
    volume = Volume(NOISE, np.array([0.0, 2, 4, 9, 11]), (1.0, 1.0), np.eye(3), np.zeros((5, 2)), (), "")
    np.testing.assert_allclose(volume.extents_mm, [2, 2, 3.5, 3.5, 2])
    assert volume.spacing_mm[0] == 2.0


def test_tilt_shifts_slices_down_their_columns(tmp_path: Path) -> None:
    write_series(tmp_path, NOISE, axial(evenly(5, 2.0), (8, 8), 1.5, tilt_degrees=30))
    volume = read_volume(tmp_path)
    assert volume.spacing_mm[0] == pytest.approx(2.0)
    # The table moves by 2 / cos 30° along z, of which −sin 30° lies along the columns: −2 tan 30°.
    np.testing.assert_allclose(np.diff(volume.shear_mm[:, 0]), -2 * np.tan(np.pi / 6), atol=1e-5)
    np.testing.assert_allclose(volume.shear_mm[:, 1], 0, atol=1e-5)


def test_stray_files_are_left_out_and_listed(tmp_path: Path) -> None:
    first, *_ = write_series(tmp_path, NOISE, GRID)
    (tmp_path / "notes.txt").write_text("seen by A")
    (tmp_path / "Thumbs.db").write_bytes(b"\0" * 600)
    scout = tmp_path / "scout.dcm"
    scout.write_bytes(first.read_bytes())
    rewrite(scout, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    picture = tmp_path / "picture.dcm"
    picture.write_bytes(first.read_bytes())
    rewrite(picture, Modality="OT")
    volume = read_volume(tmp_path)
    assert len(volume.hu) == 5
    assert volume.repairs == (
        "Thumbs.db left out: not a DICOM file",
        "notes.txt left out: not a DICOM file",
        "picture.dcm left out: OT, not CT",
        "scout.dcm left out: a localizer",
    )


def raw_values(path: Path, **tags: bytes) -> None:
    """Values as raw bytes, which pydicom would not write."""
    dataset = pydicom.dcmread(path)
    for keyword, raw in tags.items():
        tag = pydicom.datadict.tag_for_keyword(keyword)
        dataset[tag] = pydicom.dataelem.RawDataElement(pydicom.tag.Tag(tag), "DS", len(raw), raw, 0, False, True)
    dataset.save_as(path)


def test_invalid_numbers_are_reported_with_file_tag_and_value(tmp_path: Path) -> None:
    paths = write_series(tmp_path, NOISE, GRID)
    for keyword, raw in {
        "RescaleSlope": b"0,5 ",
        "RescaleIntercept": b"3.4028235E+38 ",
        "PixelSpacing": b"3.4E+38\\3.4E+38 ",
        "ImagePositionPatient": b"0\\0\\1,5 ",
        "ImageOrientationPatient": b"1\\0\\0\\0\\one\\0",
    }.items():
        kept = paths[2].read_bytes()
        raw_values(paths[2], **{keyword: raw})
        with pytest.raises(ScanError) as caught:
            read_volume(tmp_path)
        assert str(caught.value).startswith(f"{paths[2]}: {keyword} is '{raw.decode().strip()}': ")
        paths[2].write_bytes(kept)
    raw_values(paths[2], RescaleSlope=b"0 ")
    assert read_volume(tmp_path).repairs == ("RescaleSlope 0 replaced by 1 (1 slice)",)
    raw_values(paths[2], RescaleSlope=b"1000")
    with pytest.raises(ScanError, match=r"RescaleSlope is 1000: that of a CT must be between 0\.001 and 100 HU"):
        read_volume(tmp_path)
    raw_values(paths[2], RescaleSlope=b"1 ", RescaleIntercept=b"-70000")
    with pytest.raises(ScanError, match="RescaleIntercept is -70000: that of a CT must be at most 65536 HU"):
        read_volume(tmp_path)


def test_a_missing_modality_is_inferred(tmp_path: Path) -> None:
    paths = write_series(tmp_path, NOISE, GRID)
    for path in paths:
        rewrite(path, Modality=None)
    assert read_volume(tmp_path).repairs == (
        "Modality is missing: CT inferred from its SOP class, CT Image Storage (5 slices)",
    )
    for path in paths:
        rewrite(path, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    assert read_volume(tmp_path).repairs == (
        "Modality is missing: CT inferred from rescaling to Hounsfield units (5 slices)",
    )
    for path in paths:
        rewrite(path, RescaleIntercept=0, RescaleType=None)
    with pytest.raises(ScanError, match="Modality is missing in its images, and neither SOP class nor rescaling"):
        read_volume(tmp_path)


def test_links_are_followed_and_undecodable_names_escaped(tmp_path: Path) -> None:
    write_series(tmp_path / "elsewhere", NOISE, GRID)
    folder = tmp_path / "scan"
    folder.mkdir()
    (folder / "series").symlink_to(tmp_path / "elsewhere")
    (folder / "series" / "up").symlink_to(tmp_path)
    (folder / os.fsdecode(b"M\xfcller.txt")).write_text("x")
    volume = read_volume(folder)
    assert len(volume.hu) == 5
    assert volume.repairs == ("M\\xfcller.txt left out: not a DICOM file",)


def test_a_file_without_permission_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_series(tmp_path, NOISE, GRID)
    opened = Path.open

    def forbidden(path: Path, *arguments: Any, **named: Any) -> Any:
        if path == paths[0]:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", forbidden)
    assert read_volume(tmp_path).repairs == ("1.dcm left out: cannot be read (Permission denied)",)


def test_undeclared_padding_is_detected(tmp_path: Path) -> None:
    framed = np.zeros((5, 12, 12), np.int16)
    framed[:, 2:10, 2:10] = NOISE
    write_series(tmp_path, framed, axial(evenly(5, 2.0), (12, 12), 1.5))
    volume = read_volume(tmp_path)
    assert volume.repairs == ("constant value of 0 HU around the image treated as padding",)
    np.testing.assert_array_equal(volume.hu[:, 2:10, 2:10], NOISE)
    assert (volume.hu[:, :2] == -2048).all()


def a_series(folder: Path) -> list[Path]:
    return write_series(folder, NOISE, GRID)


def nothing(folder: Path) -> None:
    folder.rmdir()


def no_dicom(folder: Path) -> None:
    (folder / "a.txt").write_text("text")


def not_ct(folder: Path) -> None:
    for path in a_series(folder):
        rewrite(path, Modality="MR")


def two_patients(folder: Path) -> None:
    a_series(folder)
    write_series(folder, NOISE, GRID, Series(patient="OTHER", first_instance=50))


def one_slice(folder: Path) -> None:
    for path in a_series(folder)[1:]:
        path.unlink()


def no_spacing(folder: Path) -> None:
    for path in a_series(folder):
        rewrite(path, PixelSpacing=None)


def cut_short(folder: Path) -> None:
    path = a_series(folder)[2]
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (nothing, "no such folder. Give the folder"),
        (lambda folder: None, "holds no file. Give the folder"),
        (no_dicom, r"holds no CT slice \(a.txt left out: not a DICOM file\). Give the folder"),
        (not_ct, "holds MR images, not CT. Give the folder"),
        (two_patients, r"holds several patients \(PHANTOM in 1.dcm, OTHER in 50.dcm\). Give the folder of one"),
        (one_slice, "only 1 slice found; a series needs at least 3. Give the whole series"),
        (no_spacing, "no PixelSpacing, which lengths and volumes depend on. Export the series again"),
        (cut_short, "3.dcm: its pixel data is truncated: 88 of 128 bytes. Download the file again"),
    ],
)
def test_refusals(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    make(folder)
    with pytest.raises(ScanError, match=message):
        read_volume(folder)


def test_a_head_has_no_lungs(write_scan: Callable[..., Path]) -> None:
    folder = write_scan(head(), axial(evenly(40, 6.0), (160, 160), 1.7))
    with pytest.raises(ScanError, match=r"no lungs in this scan. Give a chest CT"):
        segment_lungs(read_volume(folder))


def test_without_lungs_the_likely_reason_is_given(write_scan: Callable[..., Path]) -> None:
    grid = axial(evenly(40, 6.0), (160, 160), 1.7)
    volume = read_volume(write_scan(chest(0.8, 1.0, 0.75), grid))
    shifted = replace(volume, hu=np.clip(volume.hu + 1024, 0, 3071).astype(np.int16))
    with pytest.raises(ScanError, match=r"its lowest value is 0, far above air\. Check its RescaleSlope"):
        segment_lungs(shifted)
    flat = replace(volume, positions_mm=volume.positions_mm / 400)
    with pytest.raises(ScanError, match=r"no lungs in this scan, which covers 1 mm\. Give the whole chest"):
        segment_lungs(flat)


def test_of_two_series_the_one_with_more_lung(tmp_path: Path, small_grid: Grid) -> None:
    abdomen = axial(tuple(mm - 250 for mm in evenly(60, 4.0)), (160, 160), 1.7)
    body: Body = plain_lungs(0.8, 1.0, 0.75)
    write_series(tmp_path / "a", draw(chest(0.8, 1.0, 0.75), abdomen, noise_sd=15), abdomen, Series(name="abdomen"))
    write_series(tmp_path / "b", draw(body, small_grid, noise_sd=15), small_grid, Series(name="chest"))
    volume = read_volume(tmp_path)
    assert len(volume.hu) == 42
    (reason,) = volume.repairs
    assert reason.startswith("60 slices left out: another series (1.2.826.")


@pytest.mark.parametrize(("shorter_litres", "chosen"), [(3.0, 9), (3.1, 9), (3.11, 6)])
def test_of_stacks_with_as_much_lung_the_longer_one_is_read(
    header: SliceHeader, monkeypatch: pytest.MonkeyPatch, shorter_litres: float, chosen: int
) -> None:
    """3.007 litres in nine slices are 97 % of 3.1."""
    litres = {9: 3.007, 6: shorter_litres, 2: 5.0}
    monkeypatch.setattr(reading, "_sampled_litres", lambda stack: litres[len(stack.slices)])
    found = stacks(
        [
            *at(header, *range(9)),
            *at(header, *range(6), series="1.3"),
            *at(header, 0, 1, series="1.4"),  # no scan
        ]
    )
    assert len(reading._most_lung(found).slices) == chosen


@pytest.mark.parametrize(("slices", "sampled"), [(63, 63), (64, 32), (95, 48), (96, 32)])
def test_lung_is_estimated_from_about_32_slices(
    header: SliceHeader, monkeypatch: pytest.MonkeyPatch, slices: int, sampled: int
) -> None:
    monkeypatch.setattr(reading, "assemble", lambda stack: stack)
    monkeypatch.setattr(reading, "estimate_lung_litres", lambda stack: len(stack.slices) + stack.positions_mm[1])
    (stack,) = stacks(at(header, *range(slices)))
    assert reading._sampled_litres(stack) == sampled + max(1, slices // 32)
