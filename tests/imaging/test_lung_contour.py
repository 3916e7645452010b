"""The outer contour on a drawn plane: consolidation at the ribs is bridged, the hilum is not."""

from dataclasses import replace

import numpy as np
import pytest

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import ChestAir
from pulmo.imaging.lung_contour import edge_histogram, edge_of_lungs, outer_contour
from pulmo.imaging.lungs import segment_lungs
from pulmo.imaging.reading import read_volume
from pulmo.phantom.chest import Body
from pulmo.phantom.geometry import Grid
from tests.imaging.conftest import WriteScan

SHAPE = (3, 60, 80)


@pytest.mark.parametrize("spine", [(50.0, 40.0), None])  # without one, the lungs' own middle is that of the chest
def test_a_gap_at_the_ribs_is_bridged_and_one_at_the_hilum_is_not(spine: tuple[float, float] | None) -> None:
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    lungs = np.zeros(SHAPE, np.uint8)
    for side, middle in ((RIGHT, 20), (LEFT, 60)):
        lungs[:, (y - 30) ** 2 + (x - middle) ** 2 < 17**2] = side
    at_the_ribs, at_the_hilum = (slice(28, 32), slice(3, 9)), (slice(28, 32), slice(31, 37))
    lungs[1][at_the_ribs] = lungs[1][at_the_hilum] = 0
    hu = np.where(lungs > 0, -850, 40).astype(np.int16)
    everywhere = np.ones(SHAPE, bool)
    grid = CoarseGrid(hu, everywhere, (3.0, 3.0, 3.0), (1, 1, 1), (0, 1, 2), (False, False, False))
    chest = ChestAir(grid, everywhere, everywhere, ~everywhere, spine, -1000.0)
    edge = edge_of_lungs(chest, lungs)
    assert (edge[1][at_the_ribs][:, 2:] == RIGHT).all()
    assert not edge[1][at_the_hilum].any()
    assert not (edge & lungs).any()
    assert not edge[:, :, 38:42].any()
    litres = edge_histogram(chest, edge)
    assert litres[40 + 1024] == litres.sum() == np.count_nonzero(edge) * 27e-6


def test_no_lungs_have_no_edge() -> None:
    hu, everywhere = np.full(SHAPE, 40, np.int16), np.ones(SHAPE, bool)
    grid = CoarseGrid(hu, everywhere, (3.0, 3.0, 3.0), (1, 1, 1), (0, 1, 2), (False, False, False))
    chest = ChestAir(grid, everywhere, everywhere, ~everywhere, None, -1000.0)
    assert not edge_of_lungs(chest, np.zeros(SHAPE, np.uint8)).any()


def test_the_contour_of_slices_that_are_no_squares(write_scan: WriteScan, small_body: Body, small_grid: Grid) -> None:
    """Rows are cut off in front and behind, where there is no lung; a notch at the ribs stays filled in its place."""
    volume = read_volume(write_scan(small_body, small_grid))
    labels = segment_lungs(volume).labels
    planes = slice(16, 26)
    row = int(np.nonzero(labels[planes])[1].mean())
    first = np.flatnonzero(labels[planes, row].any(axis=0))[0]
    notch = planes, slice(row - 4, row + 4), slice(first, first + 8)
    volume.hu[notch], labels[notch] = 40, 0
    rows = slice(12, -12)  # whole blocks of the coarse grid
    assert not labels[:, :12].any()
    assert not labels[:, -12:].any()
    low = replace(volume, hu=np.ascontiguousarray(volume.hu[:, rows]))
    contour = outer_contour(low, np.ascontiguousarray(labels[:, rows]))
    whole = outer_contour(volume, labels)
    assert whole[notch].mean(dtype=float) > 0
    np.testing.assert_array_equal(contour, whole[:, rows])


def edge_with(hu_of_notch: int, rows: int = 8, measured: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """A right lung of columns 5 to 34 with a notch of ten columns at the ribs, so many rows high: the edge in it, and
    anywhere else."""
    lungs = np.zeros(SHAPE, np.uint8)
    lungs[:, 5:55, 5:35] = RIGHT
    notch = (slice(None), slice(26, 26 + rows), slice(5, 15))
    lungs[notch] = 0
    hu = np.where(lungs > 0, -850, 40).astype(np.int16)
    hu[notch] = hu_of_notch
    everywhere, known = np.ones(SHAPE, bool), np.ones(SHAPE, bool)
    known[notch] = measured
    grid = CoarseGrid(hu, known, (3.0, 3.0, 3.0), (1, 1, 1), (0, 1, 2), (False, False, False))
    edge = edge_of_lungs(ChestAir(grid, everywhere, everywhere, ~everywhere, (50.0, 40.0), -1000.0), lungs)
    inside = edge[notch].copy()
    edge[notch] = 0
    return inside, edge


def test_the_edge_is_tissue_that_is_not_as_dense_as_bone() -> None:
    for hu, filled in ((40, True), (149, True), (150, False), (-350, True), (-351, False)):
        inside, elsewhere = edge_with(hu)
        assert (inside[:, :, 3:] == (RIGHT if filled else 0)).all(), hu
        assert not elsewhere.any()
    assert not edge_with(40, measured=False)[0].any()


@pytest.mark.parametrize(("rows", "filled"), [(10, True), (11, False)])
def test_a_ball_of_15_mm_bridges_30_mm(rows: int, filled: bool) -> None:
    """Rows are 3 mm high: the disc has 11 of them."""
    assert (edge_with(40, rows)[0][:, rows // 2, :8] > 0).any() == filled


def test_the_edge_is_counted_by_its_density() -> None:
    hu = np.full(SHAPE, 40, np.int16)
    hu[0, 0, :4] = -2048, -1024, 3071, 40
    edge = np.zeros(SHAPE, np.uint8)
    edge[0, 0, :5] = LEFT
    grid = CoarseGrid(hu, edge == 0, (3.0, 3.0, 3.0), (1, 1, 1), (0, 1, 2), (False, False, False))
    chest = ChestAir(grid, edge > 0, edge > 0, edge > 0, None, -1000.0)
    litres = edge_histogram(chest, edge)
    assert litres.shape == edge_histogram(chest, np.zeros_like(edge)).shape == (4096,)
    np.testing.assert_allclose(litres[[0, 1064, 4095]], [54e-6, 54e-6, 27e-6])
