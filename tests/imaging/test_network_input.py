"""Resampling, normalization and meshes of volumes with known results."""

from dataclasses import replace

import numpy as np
import pytest

from pulmo.errors import ScanError
from pulmo.imaging.mesh import surface
from pulmo.imaging.normalize import normalised, zero_centred
from pulmo.imaging.resample import resample
from pulmo.imaging.volume import Volume


def plain(hu: np.ndarray, positions: list[float], pixel: tuple[float, float] = (1.0, 1.0)) -> Volume:
    directions = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], float)
    return Volume(hu, np.array(positions), pixel, directions, np.zeros((len(hu), 2)), (), "here")


def test_the_actual_spacing_is_returned() -> None:
    volume = plain(np.zeros((6, 10, 13), np.int16), [0, 2.4, 4.8, 7.2, 9.6, 12], (0.75, 0.7))
    found = resample(volume, 1.0)
    # 12 mm in 12 steps; 7.5 mm → 8 rows, 9.1 mm → 9 columns.
    assert found.hu.shape == (13, 8, 9)
    assert found.spacing_mm == pytest.approx((1.0, 7.5 / 8, 9.1 / 9))
    assert found.hu.dtype == np.int16


def test_linear_along_true_positions() -> None:
    positions = [0.0, 2, 4, 10]
    hu = np.broadcast_to((np.array(positions) * 10).astype(np.int16)[:, None, None], (4, 4, 4)).copy()
    found = resample(plain(hu, positions), 1.0)
    np.testing.assert_array_equal(found.hu[:, 0, 0], np.arange(0, 101, 10))


def test_each_plane_lies_between_its_own_two_slices() -> None:
    hu = np.broadcast_to(np.array([0, 100, 0, 60], np.int16)[:, None, None], (4, 4, 4)).copy()
    found = resample(plain(hu, [0, 2, 4, 10]), 1.0)
    np.testing.assert_array_equal(found.hu[:, 0, 0], [0, 50, 100, 50, 0, 10, 20, 30, 40, 50, 60])


def test_downsampling_averages() -> None:
    hu = np.zeros((2, 4, 4), np.int16)
    hu[:, ::2] = 100
    found = resample(plain(hu, [0, 2], (0.5, 0.5)), 2.0)
    np.testing.assert_array_equal(found.hu, np.full((2, 1, 1), 50))


def test_padding_becomes_air() -> None:
    found = resample(plain(np.full((3, 4, 4), -2048, np.int16), [0, 1, 2]))
    assert found.hu.shape == (3, 4, 4)  # 1 mm, unless another spacing is given
    assert (found.hu == -1024).all()


def test_tilt_is_corrected() -> None:
    # A rod along the normal, 10 mm down the first slice; each slice lies 2 mm further down than the one before.
    hu = np.full((5, 14, 4), -1000, np.int16)
    for index, row in enumerate((10, 8, 6, 4, 2)):
        hu[index, row] = 500
    tilted = replace(plain(hu, [0, 1, 2, 3, 4]), shear_mm=np.array([[0, 0], [2, 0], [4, 0], [6, 0], [8, 0]], float))
    found = resample(tilted, 1.0)
    assert (found.hu[:, 6] == 500).all()  # where the middle slice sees it
    assert (np.delete(found.hu, 6, axis=1) < -999).all()


def test_normalised_and_centred() -> None:
    hu = np.array([-2048, -1000, -300, 400, 3071], np.int16)
    np.testing.assert_allclose(normalised(hu), [0, 0, 0.5, 1, 1])
    assert normalised(hu).dtype == np.float32
    np.testing.assert_allclose(zero_centred(normalised(hu)), [-0.25, -0.25, 0.25, 0.75, 0.75])


def test_mesh_of_a_box_in_millimetres() -> None:
    mask = np.zeros((4, 6, 8), bool)
    mask[1:3, 2:5, 3:6] = True
    volume = plain(np.zeros(mask.shape, np.int16), [0, 5, 10, 20], (2.0, 3.0))
    mesh = surface(volume, mask)
    # Half a voxel beyond the outermost: x 2.5…5.5 columns of 3 mm, y 1.5…4.5 rows of 2 mm, z from half way between
    # 0 and 5 to half way between 10 and 20.
    np.testing.assert_allclose(mesh.vertices_mm.min(axis=0), [7.5, 3, 2.5], atol=1e-4)
    np.testing.assert_allclose(mesh.vertices_mm.max(axis=0), [16.5, 9, 15], atol=1e-4)
    edges = np.sort(mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2))
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()  # closed


def test_mesh_is_closed_at_the_edge_and_empty_masks_are_refused() -> None:
    volume = plain(np.zeros((3, 4, 4), np.int16), [0, 1, 2])
    mesh = surface(volume, np.ones((3, 4, 4), bool))
    np.testing.assert_allclose(mesh.vertices_mm.max(axis=0), [3.5, 3.5, 2.5], atol=1e-4)
    with pytest.raises(ScanError, match="here: an empty mask has no surface"):
        surface(volume, np.zeros((3, 4, 4), bool))
