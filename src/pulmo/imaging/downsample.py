"""A small copy of a scan (about 3 mm a voxel), turned upright: where the lungs are found, before they are outlined.

Means over blocks take the noise away, and everything three-dimensional costs a hundredth.
"""

from dataclasses import dataclass, replace

import cc3d
import cv2
import numpy as np

from pulmo.imaging.hounsfield import PADDING_HU
from pulmo.imaging.volume import Volume

_SPACING_MM = 3.0
_MOST_SLICES_A_BLOCK = 10
"""So many slices can be summed in int16."""


@dataclass(frozen=True)
class CoarseGrid:
    """Axes upright: (foot to head, front to back, patient's right to left).

    `hu` int16; `measured` is False where any voxel of the block was padding around the picture, so that a lung which
    the field of view cuts is not joined to the air outside by a rim of half-filled blocks. `block` is (slices, rows,
    columns) of the volume in one voxel here; `axes` and `flips` lead from the volume's axes to the upright ones.
    """

    hu: np.ndarray
    measured: np.ndarray
    spacing_mm: tuple[float, float, float]
    block: tuple[int, int, int]
    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @property
    def voxel_litres(self) -> float:
        """The volume of one coarse voxel."""
        return float(np.prod(self.spacing_mm)) / 1e6

    def within(self, box: tuple[slice, slice, slice]) -> "CoarseGrid":
        """A part of the grid, for work that needs no more."""
        return replace(self, hu=self.hu[box], measured=self.measured[box])

    def sampled(self, array: np.ndarray) -> np.ndarray:
        """An array of the volume's shape on this grid: the middle voxel of each block, axes upright."""
        middles = (min(count // 2, length - 1) for length, count in zip(array.shape, self.block, strict=True))
        small = array[tuple(slice(first, None, count) for first, count in zip(middles, self.block, strict=True))]
        shape = np.array(self.hu.shape)[list(np.argsort(self.axes))]
        # The last block of an axis may end before its middle.
        small = np.pad(small, [(0, wanted - there) for wanted, there in zip(shape, small.shape, strict=True)], "edge")
        return np.ascontiguousarray(_flipped(small.transpose(self.axes), self.flips))

    def as_volume(self, array: np.ndarray) -> np.ndarray:
        """From upright axes to the volume's; still coarse."""
        return np.ascontiguousarray(_flipped(array, self.flips).transpose(np.argsort(self.axes)))

    def cropped(self, planes: np.ndarray, margin_mm: float) -> tuple[np.ndarray, tuple[slice, slice]]:
        """Coarse planes in the volume's axes, around what they hold; and the volume's rows and columns there.

        The margin is at least so wide, but ends at the edge of the picture.
        """
        used = planes.any(axis=0)
        window = []
        for axis, coarse in ((0, used.any(axis=1)), (1, used.any(axis=0))):
            inside = np.flatnonzero(coarse)
            margin = 1 + int(margin_mm / self.spacing_mm[self.axes.index(axis + 1)])
            window.append(slice(max(0, inside[0] - margin), min(len(coarse), inside[-1] + 1 + margin)))
        fine = [slice(side.start * n, side.stop * n) for side, n in zip(window, self.block[1:], strict=True)]
        return np.ascontiguousarray(planes[:, window[0], window[1]]), (fine[0], fine[1])

    def magnified(self, plane: np.ndarray) -> np.ndarray:
        """A coarse plane, uint8 in the volume's axes, with the volume's pixels."""
        _, rows, columns = self.block
        size = plane.shape[1] * columns, plane.shape[0] * rows
        fine: np.ndarray = cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST)
        return fine


def downsample(volume: Volume) -> CoarseGrid:
    """Block means of the volume, axes nearest to upright."""
    z, y, x = _steps(volume, _SPACING_MM)
    block = (min(z, _MOST_SLICES_A_BLOCK), y, x)
    parts = [volume.hu[start : start + block[0]] for start in range(0, len(volume.hu), block[0])]
    hu = np.stack([_means(part, block) for part in parts])
    padded = _reaching_the_edge(_padded(parts, block))
    return _upright_grid(volume, hu, ~padded, block)


def sample(volume: Volume, spacing_mm: float) -> CoarseGrid:
    """Single voxels, about so far apart, axes nearest to upright: it costs next to nothing, and shows bones."""
    block = _steps(volume, spacing_mm)
    hu = volume.hu[:: block[0], :: block[1], :: block[2]]
    return _upright_grid(volume, hu, hu > PADDING_HU, block)


def _steps(volume: Volume, spacing_mm: float) -> tuple[int, int, int]:
    """So many slices, rows and columns are about that long; uneven slices count by their mean distance."""
    z, y, x = (max(1, round(spacing_mm / length)) for length in (volume.mean_step_mm, *volume.pixel_spacing_mm))
    return z, y, x


def _upright_grid(volume: Volume, hu: np.ndarray, measured: np.ndarray, block: tuple[int, int, int]) -> CoarseGrid:
    axes, flips = _upright(volume.directions)
    lengths = (volume.mean_step_mm, *volume.pixel_spacing_mm)
    spacing = [length * count for length, count in zip(lengths, block, strict=True)]
    return CoarseGrid(
        hu=np.ascontiguousarray(_flipped(hu.transpose(axes), flips)),
        measured=_flipped(measured.transpose(axes), flips),
        spacing_mm=(spacing[axes[0]], spacing[axes[1]], spacing[axes[2]]),
        block=block,
        axes=axes,
        flips=flips,
    )


def _flipped(array: np.ndarray, flips: tuple[bool, bool, bool]) -> np.ndarray:
    return array[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]


def _means(part: np.ndarray, block: tuple[int, int, int]) -> np.ndarray:
    summed = part.sum(axis=0, dtype=np.int16)
    return _block_means(summed, block) // np.int16(len(part))


def _padded(parts: list[np.ndarray], block: tuple[int, int, int]) -> np.ndarray:
    """Coarse planes: where any voxel of a block is padding, which is mostly the same in slice after slice."""
    planes: list[np.ndarray] = []
    before = None
    for part in parts:
        mask = part.min(axis=0) == PADDING_HU
        planes.append(planes[-1] if before is not None and np.array_equal(mask, before) else _touched(mask, block))
        before = mask
    return np.stack(planes)


def _touched(mask: np.ndarray, block: tuple[int, int, int]) -> np.ndarray:
    """Blocks in which the mask (rows, columns) holds anywhere."""
    if not mask.any():
        return np.zeros((-(-mask.shape[0] // block[1]), -(-mask.shape[1] // block[2])), bool)
    return _block_means(mask.astype(np.float32), block) > 0


def _reaching_the_edge(padded: np.ndarray) -> np.ndarray:
    """Without stray padding amid the body: noise in the windpipe's air may happen to take the padding's value."""
    if not padded.any():
        return padded
    # Mostly it is the same frame throughout.
    planes = padded[:1] if (padded == padded[0]).all() else padded
    labels, count = cc3d.connected_components(planes, connectivity=6, return_N=True)
    kept = np.zeros(count + 1, bool)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        kept[np.unique(edge)] = True
    kept[0] = False
    return np.broadcast_to(kept[labels], padded.shape)


def _block_means(plane: np.ndarray, block: tuple[int, int, int]) -> np.ndarray:
    """Means of whole blocks, which OpenCV takes fast; the last row and column repeat where a block sticks out."""
    rows, columns = (-(-length // count) for length, count in zip(plane.shape, block[1:], strict=True))
    below, beside = rows * block[1] - plane.shape[0], columns * block[2] - plane.shape[1]
    if below or beside:
        plane = cv2.copyMakeBorder(plane, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    y, x = block[1:]
    while y % 2 == 0 and x % 2 == 0:  # OpenCV halves far faster than it shrinks otherwise
        plane = cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA)
        y, x = y // 2, x // 2
    small: np.ndarray = cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_AREA)
    return small


def _upright(directions: np.ndarray) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Which array axis runs nearest to head, back and left, and which of them backwards."""
    share = directions[:, ::-1].copy()  # columns now z, y, x
    axes = [0, 0, 0]
    flips = [False, False, False]
    for _ in range(3):
        axis, way = np.unravel_index(np.argmax(np.abs(share)), share.shape)
        axes[way], flips[way] = int(axis), bool(share[axis, way] < 0)
        share[axis, :] = share[:, way] = 0
    return (axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2])
