"""Statistics of a small scan by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lungs import LungMask
from pulmo.imaging.quality import Quality
from pulmo.imaging.statistics import lung_histogram, lung_statistics, scan_statistics
from pulmo.imaging.volume import Volume
from pulmo.phantom.chest import Body
from pulmo.phantom.geometry import Grid

QUALITY = Quality("good", (), 0, 0.0, 0.0, 0.5, 1.0, 7.0)


def scan(hu: list[list[int]], labels: list[list[int]], positions: list[float]) -> tuple[Volume, LungMask]:
    """One value per slice, pixels of 10 × 10 mm."""
    count = len(hu)
    values = np.array(hu, np.int16)[:, None]
    volume = Volume(values, np.array(positions), (10.0, 10.0), np.eye(3), np.zeros((count, 2)), ("mended",), "")
    return volume, LungMask(np.array(labels, np.uint8)[:, None], QUALITY)


def test_litres_by_true_positions() -> None:
    # Slices at 0, 10, 20 and 50 mm stand for 10, 10, 20 and 20 mm: the gap is shared by its neighbours.
    volume, mask = scan([[-800, -800]] * 4, [[1, 2], [1, 0], [0, 2], [2, 0]], [0, 10, 20, 50])
    found = lung_statistics(volume, mask)
    assert found["lung_litres_left"] == pytest.approx((10 + 10) * 100 / 1e6)
    assert found["lung_litres_right"] == pytest.approx((10 + 20 + 20) * 100 / 1e6)
    assert found["lung_litres"] == pytest.approx(70 * 100 / 1e6)
    assert (found["slices"], found["spacing_z_mm"], found["spacing_y_mm"], found["spacing_x_mm"]) == (4, 10, 10, 10)
    assert (found["quality"], found["repairs"], found["pixel_ratio"]) == ("good", "mended", 7.0)


def test_moments_weigh_voxels_by_volume() -> None:
    # −900 over 10 mm twice and −600 over 30 mm: 40 % and 60 %.
    volume, mask = scan([[-900, 40], [-900, 40], [-600, 40]], [[1, 0], [1, 0], [1, 0]], [0, 10, 60])
    np.testing.assert_allclose(volume.extents_mm, [20, 30, 40])
    found = lung_statistics(volume, mask)
    share = np.array([50, 40]) / 90
    mean = float(share @ [-900, -600])
    assert found["hu_mean"] == pytest.approx(mean)
    sd = float(np.sqrt(share @ (np.array([-900, -600]) - mean) ** 2))
    assert found["hu_sd"] == pytest.approx(sd)
    # Of two values with shares p and q: skew (p − q) / √(pq) towards the rarer, excess kurtosis 1 / (pq) − 6.
    p, q = share
    assert found["hu_skew"] == pytest.approx((p - q) / np.sqrt(p * q))
    assert found["hu_kurtosis"] == pytest.approx(1 / (p * q) - 6)


def test_percentiles_and_bands() -> None:
    values = [-1000, -950, -900, -800, -700, -600, -300, -250, 0, 50]
    volume, mask = scan([values] * 3, [[1] * 10] * 3, [0, 1, 2])
    found = lung_statistics(volume, mask)
    assert [found[f"hu_p{p}"] for p in (5, 10, 25, 50, 75, 90, 95)] == [-1000, -1000, -900, -700, -250, 0, 50]
    assert found["share_emphysema"] == pytest.approx(0.1)
    assert found["share_normal"] == pytest.approx(0.3)
    assert found["share_ground_glass_reticular"] == pytest.approx(0.3)
    assert found["share_high_attenuation"] == pytest.approx(0.2)
    assert found["share_consolidated"] == pytest.approx(0.2)


def test_bands_are_of_both_lungs() -> None:
    volume, mask = scan([[-980, -800, -800, 0]] * 3, [[1, 1, 2, 2]] * 3, [0, 1, 2])
    found = lung_statistics(volume, mask)
    shares = [found[f"share_{band}"] for band in ("emphysema", "normal", "ground_glass_reticular", "consolidated")]
    assert shares == pytest.approx([0.25, 0.5, 0, 0.25])
    assert found["hu_mean"] == pytest.approx(-645)


def test_disease_at_the_pleura_counts_in_disease_bands_only() -> None:
    """Four voxels of lung, and as much consolidated tissue outside the mask, at 20 HU."""
    volume, mask = scan([[-980, -800, -800, -600]] * 3, [[1] * 4] * 3, [0, 1, 2])
    edge = np.zeros(4096)
    edge[20 + 1024] = lung_statistics(volume, mask)["lung_litres"]
    found = lung_statistics(volume, replace(mask, edge_litres=edge))
    assert found["lung_litres"] == pytest.approx(edge.sum())
    assert found["share_emphysema"] == pytest.approx(1 / 4)
    assert found["share_normal"] == pytest.approx(1 / 2)
    assert found["share_ground_glass_reticular"] == pytest.approx(1 / 8)
    assert found["share_consolidated"] == pytest.approx(1 / 2)


def test_a_constant_lung_has_zero_moments() -> None:
    volume, mask = scan([[-800]] * 3, [[1]] * 3, [0, 1, 2])
    found = lung_statistics(volume, mask)
    assert (found["hu_sd"], found["hu_skew"], found["hu_kurtosis"]) == (0, 0, 0)


def test_histogram_counts_padding_as_the_lowest_value() -> None:
    volume, mask = scan([[-2048, -1024, 3071]] * 3, [[2, 2, 2]] * 3, [0, 10, 20])
    litres = lung_histogram(volume, mask.labels, RIGHT)
    assert litres[0] == pytest.approx(2 * 3 * 0.001)
    assert litres[-1] == pytest.approx(3 * 0.001)
    assert lung_histogram(volume, mask.labels, LEFT).sum() == 0


def test_one_row_of_scalars(tmp_path: Path, small_body: Body, small_grid: Grid) -> None:
    from pulmo.phantom.dicom import write_series
    from pulmo.phantom.draw import draw

    write_series(tmp_path, draw(small_body, small_grid, noise_sd=15), small_grid)
    found = scan_statistics(tmp_path)
    assert all(isinstance(value, float | int | str) for value in found.values())
    assert found["hu_p50"] == pytest.approx(-860, abs=2)
    assert -860 < float(found["hu_mean"]) < -840  # partial volume at the surface lifts it


@pytest.mark.parametrize(
    ("band", "first", "last"),
    [
        ("emphysema", -1024, -951),
        ("normal", -950, -701),
        ("ground_glass_reticular", -700, -251),
        ("consolidated", -250, 49),
        ("high_attenuation", -600, -251),
    ],
)
def test_both_ends_of_each_band(band: str, first: int, last: int) -> None:
    """Of four voxels, the first and the last of the band, and their neighbours outside of it."""
    outside = -1024 if first > -1024 else 100
    volume, mask = scan([[first, last, max(first - 1, outside), last + 1]] * 3, [[1] * 4] * 3, [0, 1, 2])
    assert lung_statistics(volume, mask)[f"share_{band}"] == pytest.approx(1 / 2)
