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
from pulmo.imaging.volume import Volume, _check
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
