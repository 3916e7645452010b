import numpy as np
import pytest

from pulmo.imaging.lungs import segment_lungs
from pulmo.imaging.quality import assess_mask
from pulmo.imaging.reading import read_volume
from pulmo.phantom.chest import Body
from pulmo.phantom.geometry import Grid, axial
from tests.imaging.conftest import WriteScan


def test_a_mask_of_nothing_and_one_of_single_voxels_are_unusable(
    write_scan: WriteScan, small_body: Body, small_grid: Grid
) -> None:
    volume = read_volume(write_scan(small_body, small_grid))
    labels = np.zeros(volume.hu.shape, np.uint8)
    assert assess_mask(volume, labels).verdict == "unusable"
    for row in range(80, 84):  # wherever the coarse grid takes its samples, some of these lie between them
        labels[:] = 0
        labels[20, row, 81] = 1
        quality = assess_mask(volume, labels)
        assert quality.verdict == "unusable"
        assert quality.litres == 1 * float(volume.voxel_litres[20])


def test_distant_slices_are_doubted(write_scan: WriteScan, small_body: Body) -> None:
    """Without the middle of an ellipsoid, whose area is A(1 − z²/c²): f″ is 2A/c², the volume V is 4Ac/3.

    Here V is 1.8 litres and c 89 mm, so a step of 48 mm has an error of 48³/12 · 1.5 V/c³ = 0.035 litres.
    """
    heights = [float(mm) for mm in range(-126, 126, 6) if abs(mm) > 20]
    mask = segment_lungs(read_volume(write_scan(small_body, axial(heights, (160, 160), 1.7))))
    assert mask.quality.verdict == "doubtful"
    (reason,) = mask.quality.reasons
    assert reason.startswith("slices up to 48 mm apart, 27% of the lungs' height")
    assert float(reason.rpartition("±")[2]) == pytest.approx(2 * 0.035, abs=0.01)
    assert mask.quality.litres == pytest.approx(1.8 - 0.035, abs=0.015)
