import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulmo.imaging.area_resample import Size, area_max, area_mean, edges_between, overlaps

SIDES = st.integers(1, 9)


def even(count: int) -> np.ndarray:
    return np.arange(count + 1.0)


def test_overlaps_by_hand() -> None:
    # Cells of 1.5 over intervals of 1: the second interval is halved.
    np.testing.assert_allclose(overlaps(even(3), 2), np.array([[2, 1, 0], [0, 1, 2]]) / 3)
    # Three cells over two intervals: the middle one takes half of each.
    np.testing.assert_allclose(overlaps(even(2), 3), np.array([[2, 0], [1, 1], [0, 2]]) / 2)


def test_slice_edges_are_midpoints() -> None:
    assert edges_between(np.array([0.0, 2, 4, 10])).tolist() == [-1, 1, 3, 7, 11]
    assert edges_between(np.array([5.0])).tolist() == [4.5, 5.5]


def test_a_gap_is_filled_by_the_slices_beside_it() -> None:
    planes = np.array([0.0, 0, 10])[:, None, None]
    edges = edges_between(np.array([0.0, 1, 5]))  # the steps' median is 2.5: −1.25 … 0.5 … 3 … 6.25
    found = area_mean(planes, edges, Size(1, 1, 1))
    assert found.item() == pytest.approx(10 * 3.25 / 7.5)


@given(st.tuples(SIDES, SIDES, SIDES), st.tuples(SIDES, SIDES, SIDES), st.integers(0, 99))
@settings(max_examples=60)
def test_resampling_preserves_mean_and_range(old: tuple[int, int, int], new: tuple[int, int, int], seed: int) -> None:
    volume = np.random.default_rng(seed).integers(-1000, 1000, old).astype(np.int16)
    means, most = (shrink(volume, even(old[0]), Size(*new)) for shrink in (area_mean, area_max))
    assert means.shape == most.shape == new
    assert means.mean(dtype=np.float64) == pytest.approx(volume.mean(), abs=0.05)
    assert (means <= most + 1e-2).all()
    assert np.max(most) == np.max(volume)
    assert np.min(means) >= np.min(volume) - 1e-2


def test_area_max_by_hand() -> None:
    plane = np.array([[1, 2, 3], [4, 9, 6]])
    found = area_max([plane, -plane], even(2), Size(1, 1, 2))
    assert found.tolist() == [[[9, 9]]]  # the middle column belongs to both halves
    assert area_max([plane], even(1), Size(2, 2, 3))[0].tolist() == plane.tolist()


def test_downsampling_equals_opencvs_area() -> None:
    volume = np.random.default_rng(0).integers(-1000, 1000, (3, 61, 47)).astype(np.int16)
    planes = [cv2.resize(plane.astype(np.float32), (20, 25), interpolation=cv2.INTER_AREA) for plane in volume]
    found = area_mean(volume, even(3), Size(3, 25, 20))
    np.testing.assert_allclose(found, np.stack(planes), atol=0.02)
