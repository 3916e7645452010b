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


def surface(volume: Volume, mask: np.ndarray, block: tuple[int, int, int] = (1, 1, 1)) -> Mesh:
    """The surface of a bool mask (slices, rows, columns), closed also where it meets the edge.

    So many voxels as `block` says become one, by their share that is inside: a lighter and smoother mesh. Uneven slices
    and tilt are put right. Raises ScanError for an empty mask, or one too thin for the blocks.
    """
    from skimage.measure import marching_cubes  # slow to import, and only pictures need it

    share = np.pad(_means(mask, block), 1)
    if share.max() <= 0.5:
        raise ScanError(Fault(volume.source, "an empty mask has no surface", "Choose a mask that holds something"))
    indices, faces, _, _ = marching_cubes(share, level=0.5)
    first = (np.array(block) - 1) / 2  # a block's middle, in voxels
    return Mesh(_in_millimetres(volume, (indices - 1) * block + first), faces)


def _means(mask: np.ndarray, block: tuple[int, int, int]) -> np.ndarray:
    """The share of each block that is inside, float32; what lies beyond the edge is outside."""
    whole = np.pad(mask, [(0, -length % size) for length, size in zip(mask.shape, block, strict=True)])
    (z, y, x), (depth, height, width) = whole.shape, block
    blocks = whole.reshape(z // depth, depth, y // height, height, x // width, width)
    return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=np.float32))


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
