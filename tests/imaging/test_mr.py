"""Phantom MR series."""

from pathlib import Path

import numpy as np
import pytest

from pulmo.errors import ScanError
from pulmo.imaging.area_resample import Size
from pulmo.imaging.mr import BODY, BRIGHTEST, MrVolume, body_median, mr_volume, read_mr
from pulmo.phantom.dicom import Encoding, Series, write_series
from pulmo.phantom.geometry import axial, evenly
from tests.imaging.dicom_files import write_image

GRID = axial(evenly(4, 2.0), (12, 16), 1.0)
UPRIGHT = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])


def body(gain: float) -> np.ndarray:
    """Muscle of 1 with a tumour of 1.5, in air of noise."""
    rng = np.random.default_rng(0)
    intensity = np.abs(rng.normal(0, 0.03, GRID.volume_shape))
    intensity[:, 2:10, 3:13] = 1
    intensity[1:3, 4:6, 5:8] = 1.5
    return gain * intensity


def test_stored_values_are_rescaled_and_stacked_by_position(tmp_path: Path) -> None:
    encoding = Encoding(intercept=0, slope=0.5)
    write_series(tmp_path, body(200), GRID, Series(modality="MR"), encoding)
    volume = read_mr(tmp_path)
    assert volume.positions_mm == pytest.approx([-3, -1, 1, 3])
    np.testing.assert_allclose(volume.intensity, body(200), atol=0.26)


@pytest.mark.parametrize("signed", [False, True])
def test_only_stored_bits_are_used(tmp_path: Path, signed: bool) -> None:
    """An overlay above 12 bits changes nothing; −24 of 12 bits, 0x0FE8, is not 4072."""
    values = np.array([[100, -24 if signed else 4000], [7, 0]])
    words = (values & 0x0FFF | 0x5000).astype("i2" if signed else "u2")
    for instance in range(1, 4):
        write_image(
            tmp_path / f"{instance}.dcm",
            words,
            12,
            Modality="MR",
            RescaleIntercept="0",
            InstanceNumber=str(instance),
            ImagePositionPatient=["0", "0", str(instance)],
            ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
        )
    assert read_mr(tmp_path).intensity[1].tolist() == values.tolist()


@pytest.mark.parametrize("gain", [3.0, 1000.0])
def test_the_gain_does_not_matter(gain: float) -> None:
    volume = MrVolume(body(gain).astype(np.float32), np.arange(4.0), UPRIGHT, (), "here")
    assert body_median(volume.intensity) == pytest.approx(gain)
    small = mr_volume(volume, Size(4, 12, 16))
    assert (small.shape, small.dtype) == ((4, 12, 16, 1), np.dtype(np.int16))
    assert (small[1:3, 4:6, 5:8] == round(1.5 * BODY)).all()
    assert small[0, 5, 5, 0] == BODY
    assert small.min() >= 0
    assert small.max() <= BRIGHTEST


def test_ct_and_zero_pixels_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", body(100), GRID)
    with pytest.raises(ScanError, match="holds CT images, not MR"):
        read_mr(tmp_path / "ct")
    write_series(tmp_path / "black", body(0), GRID, Series(modality="MR"), Encoding(intercept=0))
    with pytest.raises(ScanError, match="all 0"):
        read_mr(tmp_path / "black")


def test_the_body_is_what_is_brighter_than_the_background() -> None:
    """Three pixels of background and two of body: the threshold between two values is the lower one, and not body."""
    assert body_median(np.array([1.0, 1.0, 1.0, 10.0, 12.0])) == 11.0
