"""Surfaces of masks: volume and position."""

import numpy as np
import pytest

from pulmo.errors import ScanError
from pulmo.imaging.mesh import Mesh, _in_millimetres, _means, surface
from pulmo.imaging.volume import Volume

SPACING_MM = (2.0, 1.0, 1.5)
RADIUS_MM, MIDDLE_MM = 18.0, np.array([30.0, 24.0, 27.0])


def ball() -> tuple[Volume, np.ndarray]:
    shape = (31, 49, 37)
    places = np.indices(shape) * np.array(SPACING_MM)[:, None, None, None] - MIDDLE_MM[:, None, None, None]
    volume = Volume(
        hu=np.zeros(shape, np.int16),
        positions_mm=SPACING_MM[0] * np.arange(shape[0]),
        pixel_spacing_mm=SPACING_MM[1:],
        directions=np.eye(3)[::-1],  # slices along z, rows along y, columns along x
        shear_mm=np.zeros((shape[0], 2)),
        repairs=(),
        source="ball",
    )
    return volume, (places**2).sum(axis=0) <= RADIUS_MM**2


def volume_ml(mesh: Mesh) -> float:
    """By the divergence theorem: the tetrahedra from the origin to each triangle."""
    one, other, third = mesh.vertices_mm[mesh.faces].transpose(1, 0, 2)
    return abs(float(np.einsum("ij,ij->i", one, np.cross(other, third)).sum())) / 6 / 1000


@pytest.mark.parametrize("block", [(1, 1, 1), (1, 2, 2), (2, 3, 2)])
def test_a_ball_keeps_its_volume_and_position(block: tuple[int, int, int]) -> None:
    mesh = surface(*ball(), block)
    assert volume_ml(mesh) == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3 / 1000, rel=0.04)
    middle = (mesh.vertices_mm.min(axis=0) + mesh.vertices_mm.max(axis=0)) / 2
    np.testing.assert_allclose(middle, MIDDLE_MM[::-1], atol=1.0)


def test_blocks_reduce_the_mesh() -> None:
    assert len(surface(*ball(), (2, 2, 2)).faces) < len(surface(*ball()).faces) / 2.5


def test_an_empty_mask_has_no_surface() -> None:
    volume, mask = ball()
    with pytest.raises(ScanError, match="no surface"):
        surface(volume, np.zeros_like(mask))


def test_uneven_slices_and_a_tilt_in_millimetres() -> None:
    """Slices at 10, 12 and 16 mm; beyond them a step is their median, 3 mm, and the shift stays."""
    volume = Volume(
        hu=np.zeros((3, 4, 4), np.int16),
        positions_mm=np.array([10.0, 12, 16]),
        pixel_spacing_mm=(1.0, 1.5),
        directions=np.eye(3)[::-1],
        shear_mm=np.array([[0.0, 0], [1, 0.5], [3, 1.5]]),
        repairs=(),
        source="",
    )
    indices = np.array([[0.0, 0, 0], [1, 2, 3], [1.5, 0, 0], [-0.5, 0, 2], [2.5, 1, 1]])
    expected = np.array([[0, 0, 0], [4.5 + 0.5, 2 + 1, 2], [1, 2, 4], [3, 0, -1.5], [1.5 + 1.5, 1 + 3, 7.5]])
    np.testing.assert_allclose(_in_millimetres(volume, indices), expected)


def test_a_single_voxel_has_a_surface_half_way_to_its_neighbours() -> None:
    volume, mask = ball()
    mask[:] = False
    mask[3, 5, 7] = True
    vertices = surface(volume, mask).vertices_mm
    np.testing.assert_allclose(vertices.min(axis=0), [6.5 * 1.5, 4.5, 5.0])
    np.testing.assert_allclose(vertices.max(axis=0), [7.5 * 1.5, 5.5, 7.0])
    with pytest.raises(ScanError, match="no surface"):  # half of a block is not more than half
        surface(volume, mask, (1, 1, 2))


def test_the_last_blocks_reach_beyond_the_mask() -> None:
    mask = np.ones((3, 4, 5), bool)
    means = _means(mask, (2, 2, 2))
    assert means[0, 0].tolist() == [1, 1, 0.5]
    assert means[1, 0].tolist() == [0.5, 0.5, 0.25]
    assert means.shape == (2, 2, 3)


def test_a_block_is_in_its_middle() -> None:
    volume, mask = ball()
    mask[:] = False
    mask[2:4, 3:6, 4:8] = True
    vertices = surface(volume, mask, (2, 3, 4)).vertices_mm
    np.testing.assert_allclose((vertices.min(axis=0) + vertices.max(axis=0)) / 2, [5.5 * 1.5, 4, 2.5 * 2])
