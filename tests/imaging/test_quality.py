import numpy as np

from pulmo.imaging.quality import assess_mask
from pulmo.imaging.reading import read_volume
from pulmo.phantom.chest import Body
from pulmo.phantom.geometry import Grid
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
