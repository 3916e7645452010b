"""Slices to a volume in Hounsfield units, or an error about missing tags."""

from contextlib import nullcontext
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

from pulmo.errors import ScanError
from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.headers import header_table
from pulmo.imaging.mr import MrVolume
from pulmo.imaging.radiograph import Radiograph
from pulmo.imaging.reading import read_volume
from pulmo.imaging.resample import resample
from pulmo.imaging.series import stacks
from pulmo.imaging.slices import SliceHeader
from pulmo.imaging.volume import Volume, _check, _threads
from tests.imaging.dicom_files import write_image
from tests.imaging.support import at


def write_unscaled(folder: Path, words: np.ndarray, *intercepts: str | None) -> Path:
    """One slice per RescaleIntercept, None for a missing one."""
    for instance, intercept in enumerate(intercepts, start=1):
        write_image(
            folder / f"{instance}.dcm",
            words,
            16,
            RescaleIntercept=intercept,
            InstanceNumber=str(instance),
            ImagePositionPatient=["0", "0", str(instance)],
            ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
        )
    return folder


AIR_AND_TISSUE = np.random.default_rng(0).normal(0, 9, (16, 16)) + np.repeat([-990, 40], 8)[:, None]


@pytest.mark.parametrize("intercept", [None, ""])
def test_a_missing_rescale_intercept_is_named(tmp_path: Path, intercept: str | None) -> None:
    """Unsigned: air is 34 here, which would be muscle in HU."""
    folder = write_unscaled(tmp_path, (AIR_AND_TISSUE + 1024).astype("u2"), *[intercept] * 3)
    with pytest.raises(ScanError, match=r"RescaleIntercept is missing, and no pixel is as low as air"):
        read_volume(folder)


def test_values_that_reach_air_are_hounsfield_units(tmp_path: Path) -> None:
    volume = read_volume(write_unscaled(tmp_path, AIR_AND_TISSUE.astype("i2"), None, None, None))
    assert volume.hu[0, 0, 0] == AIR_AND_TISSUE.astype("i2")[0, 0]
    assert any(repair.startswith("RescaleIntercept is missing: stored values taken as") for repair in volume.repairs)


def test_a_scan_is_shown_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = np.zeros((16, 12), "i2")
    words[0, 0], words[1, 1] = -1000, 300
    folder = write_unscaled(tmp_path, words, "0", "0", "0")
    shown = "Volume(3 × 16 × 12 voxels of 1 × 1 × 1 mm (slices, rows, columns), -1000 … 300 HU)"
    assert repr(read_volume(folder)) == shown
    assert repr(read_volume(str(folder))) == shown
    monkeypatch.setenv("HOME", str(folder))
    assert repr(read_volume("~")) == shown
    assert repr(resample(read_volume(folder), 2.0)) == (
        "Resampled(2 × 8 × 6 voxels of 2 × 2 × 2 mm (slices, rows, columns))"
    )
    assert header_table("~")["file"].tolist() == ["1.dcm", "2.dcm", "3.dcm"]


def test_an_intercept_missing_in_one_slice_is_named(tmp_path: Path) -> None:
    folder = write_unscaled(tmp_path, (AIR_AND_TISSUE + 1024).astype("u2"), "-1024", None, "-1024")
    with pytest.raises(ScanError, match=r"2\.dcm: RescaleIntercept is missing \(1\.dcm has -1024\)"):
        read_volume(folder)


def test_defaults_of_a_volume_made_by_hand() -> None:
    volume = Volume(np.zeros((1, 1, 1), np.int16), np.zeros(1), (1.0, 1.0), np.eye(3), np.zeros((1, 2)), (), "here")
    assert (volume.origin_mm, volume.thickness_mm) == ((0, 0, 0), 0)


@pytest.mark.parametrize(("columns", "fits"), [(32768, True), (32769, False)])
def test_two_thousand_million_voxels_at_most(header: SliceHeader, columns: int, fits: bool) -> None:
    """4 × 16384 × 32768 are 2³¹."""
    (stack,) = stacks(at(header, 0, 1, 2, 3, rows=16384, columns=columns))
    with nullcontext() if fits else pytest.raises(ScanError, match=f"4 slices of 16384 × {columns} are too many"):
        _check(stack)


def test_three_slices_at_least(header: SliceHeader) -> None:
    (pair,), (three,) = stacks(at(header, 0, 1)), stacks(at(header, 0, 1, 2))
    _check(three)
    with pytest.raises(ScanError, match="only 2 slices found; a series needs at least 3"):
        _check(pair)


@pytest.mark.parametrize("kind", [Volume, MrVolume, Radiograph, CoarseGrid, SliceHeader])
def test_scans_are_not_changed_in_place(kind: type) -> None:
    """Every step returns a new one: a reader's result may be shared."""
    with pytest.raises(FrozenInstanceError):
        object.__new__(kind).__setattr__("source", "another")


def test_a_slice_extends_half_way_to_its_neighbours() -> None:
    volume = Volume(
        np.zeros((4, 2, 2), np.int16),
        np.array([0.0, 1, 3, 9]),
        (2.0, 0.5),
        np.eye(3),
        np.zeros((4, 2)),
        (),
        "here",
    )
    assert volume.extents_mm.tolist() == [1.5, 1.5, 4, 4]  # at the ends the median step, 2 mm, counts
    np.testing.assert_allclose(volume.voxel_litres, np.array([1.5, 1.5, 4, 4]) / 1e6)
    assert (volume.mean_step_mm, volume.spacing_mm) == (3, (2, 2, 0.5))


@pytest.mark.parametrize(("lowest", "is_air"), [(-850, True), (-849, False)])
def test_values_reach_air_at_minus_850(tmp_path: Path, lowest: int, is_air: bool) -> None:
    words = np.zeros((4, 4), "i2")
    words[1, 1] = lowest
    folder = write_unscaled(tmp_path, words, None, None, None)
    with nullcontext() if is_air else pytest.raises(ScanError, match=r"as low as air \(the lowest value is -849\)"):
        assert read_volume(folder).repairs[0].startswith("RescaleIntercept is missing: stored values")


def test_a_constant_frame_is_told(tmp_path: Path) -> None:
    words = np.zeros((16, 16), "i2")
    words[4:12, 4:12] = np.random.default_rng(0).integers(-900, 100, (8, 8))
    volume = read_volume(write_unscaled(tmp_path, words, "-30", "-30", "-30"))
    assert volume.repairs == ("constant value of -30 HU around the image treated as padding",)
    assert (volume.hu[:, 0] == -2048).all()
    np.testing.assert_array_equal(volume.hu[0, 4:12, 4:12], words[4:12, 4:12] - 30)


@pytest.mark.parametrize(("cores", "set_", "threads"), [(64, None, 8), (3, None, 3), (None, None, 1), (64, "1", 1)])
def test_threads_that_read(monkeypatch: pytest.MonkeyPatch, cores: int | None, set_: str | None, threads: int) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if set_:
        monkeypatch.setenv("OMP_NUM_THREADS", set_)
    assert _threads() == threads
