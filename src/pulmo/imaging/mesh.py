"""The surface of a mask in millimetres, by marching cubes, for interactive 3-D figures."""

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

    Blocks of `block` voxels are averaged first, for a smaller and smoother mesh. Uneven slices and tilt are corrected.
    Raises ScanError for an empty mask, or one too thin for the blocks.
    """
    from skimage.measure import marching_cubes  # slow to import, and needed for figures only

    share = np.pad(_means(mask, block), 1)
    if share.max() <= 0.5:
        raise ScanError(Fault(volume.source, "an empty mask has no surface", "Choose a mask that is not empty"))
    indices, faces, _, _ = marching_cubes(share, level=0.5)
    centre = (np.array(block) - 1) / 2  # of a block, in voxels
    return Mesh(_in_millimetres(volume, (indices - 1) * block + centre), faces)


def _means(mask: np.ndarray, block: tuple[int, int, int]) -> np.ndarray:
    """The fraction of each block inside the mask, float32; zero-padded at the edge."""
    whole = np.pad(mask, [(0, -length % size) for length, size in zip(mask.shape, block, strict=True)])
    (z, y, x), (depth, height, width) = whole.shape, block
    blocks = whole.reshape(z // depth, depth, y // height, height, x // width, width)
    return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=np.float32))


def _in_millimetres(volume: Volume, indices: np.ndarray) -> np.ndarray:
    """Fractional voxel indices (n, 3) → millimetres (n, 3); extrapolated by the median step at either end."""
    known = np.arange(-1, len(volume.positions_mm) + 1)
    step = volume.spacing_mm[0]
    heights = np.concatenate([[volume.positions_mm[0] - step], volume.positions_mm, [volume.positions_mm[-1] + step]])
    shear = np.concatenate([volume.shear_mm[:1], volume.shear_mm, volume.shear_mm[-1:]])
    z = np.interp(indices[:, 0], known, heights) - volume.positions_mm[0]
    y = indices[:, 1] * volume.pixel_spacing_mm[0] + np.interp(indices[:, 0], known, shear[:, 0])
    x = indices[:, 2] * volume.pixel_spacing_mm[1] + np.interp(indices[:, 0], known, shear[:, 1])
    vertices: np.ndarray = np.stack([z, y, x], axis=1) @ volume.directions
    return vertices
