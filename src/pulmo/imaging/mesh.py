"""The surface of a mask in millimetres, by marching cubes: for pictures that turn."""

from dataclasses import dataclass

import numpy as np

from pulmo.errors import Fault, ScanError
from pulmo.imaging.volume import Volume


@dataclass(frozen=True)
class Mesh:
    """`vertices_mm` (n, 3) in the patient's coordinates (x to the left, y to the back, z to the head), relative to
    the volume's first voxel; `faces` (m, 3) are indices into them."""

    vertices_mm: np.ndarray
    faces: np.ndarray


def surface(volume: Volume, mask: np.ndarray, step: int = 1) -> Mesh:
    """The surface of a bool mask (slices, rows, columns), closed also where it meets the edge.

    `step` voxels in the plane become one: 2 or 3 makes a lighter mesh. Uneven slices and tilt are put right.
    Raises ScanError for an empty mask.
    """
    from skimage.measure import marching_cubes  # slow to import, and only pictures need it

    if not mask.any():
        raise ScanError(Fault(volume.source, "an empty mask has no surface", "Choose a mask that holds something"))
    field = np.pad(mask[:, ::step, ::step].astype(np.float32), 1)
    indices, faces, _, _ = marching_cubes(field, level=0.5)
    return Mesh(_in_millimetres(volume, (indices - 1) * (1, step, step)), faces)


def _in_millimetres(volume: Volume, indices: np.ndarray) -> np.ndarray:
    """Fractional voxel indices (n, 3) → millimetres (n, 3); one slice beyond either end is as far as usual."""
    known = np.arange(-1, len(volume.positions_mm) + 1)
    usual = volume.spacing_mm[0]
    heights = np.concatenate([[volume.positions_mm[0] - usual], volume.positions_mm, [volume.positions_mm[-1] + usual]])
    shear = np.concatenate([volume.shear_mm[:1], volume.shear_mm, volume.shear_mm[-1:]])
    z = np.interp(indices[:, 0], known, heights) - volume.positions_mm[0]
    y = indices[:, 1] * volume.pixel_spacing_mm[0] + np.interp(indices[:, 0], known, shear[:, 0])
    x = indices[:, 2] * volume.pixel_spacing_mm[1] + np.interp(indices[:, 0], known, shear[:, 1])
    vertices: np.ndarray = np.stack([z, y, x], axis=1) @ volume.directions
    return vertices
