"""Surfaces of masks: volume and position."""

import numpy as np
import pytest

from pulmo.errors import ScanError
from pulmo.imaging.mesh import Mesh, surface
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
