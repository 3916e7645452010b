"""A scan downsampled to about 3 mm, axes upright: the grid on which lungs are found before their mask is refined.

Block means remove noise, and three-dimensional operations cost a hundredth.
"""

from dataclasses import dataclass, replace

import cc3d
import cv2
import numpy as np

from pulmo.imaging.hounsfield import PADDING_HU
from pulmo.imaging.volume import Volume

_SPACING_MM = 3.0
_MAX_SLICES_PER_BLOCK = 10
"""More could overflow int16 when summed."""


@dataclass(frozen=True)
class CoarseGrid:
    """Axes upright: (foot to head, front to back, patient's right to left).

    `hu` int16; `measured` is False where any voxel of the block was padding around the image, so that a lung which the
    field of view truncates is not joined to the air outside by a rim of half-filled blocks. `block` is (slices, rows,
    columns) of the volume in one voxel here; `axes` and `flips` map the volume's axes to the upright ones.
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
        """The part of the grid inside a box."""
        return replace(self, hu=self.hu[box], measured=self.measured[box])

    def sampled(self, array: np.ndarray) -> np.ndarray:
        """An array of the volume's shape sampled at the centre of each block, axes upright."""
        middles = (min(count // 2, length - 1) for length, count in zip(array.shape, self.block, strict=True))
        small = array[tuple(slice(first, None, count) for first, count in zip(middles, self.block, strict=True))]
        shape = np.array(self.hu.shape)[list(np.argsort(self.axes))]
        # The last block of an axis may end before its middle.
        small = np.pad(small, [(0, wanted - there) for wanted, there in zip(shape, small.shape, strict=True)], "edge")
        return np.ascontiguousarray(_flipped(small.transpose(self.axes), self.flips))

    def as_volume(self, array: np.ndarray) -> np.ndarray:
        """A coarse array from upright axes to the volume's."""
        return np.ascontiguousarray(_flipped(array, self.flips).transpose(np.argsort(self.axes)))

    def cropped(self, planes: np.ndarray, margin_mm: float) -> tuple[np.ndarray, tuple[slice, slice]]:
        """Coarse planes in the volume's axes cropped to their nonzero part, and the volume's rows and columns there.

        The margin is at least `margin_mm`, clipped at the edge of the image.
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
        """A coarse plane, uint8 in the volume's axes, upsampled to the volume's pixels."""
        _, rows, columns = self.block
        size = plane.shape[1] * columns, plane.shape[0] * rows
        fine: np.ndarray = cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST)
        return fine


def downsample(volume: Volume) -> CoarseGrid:
    """Block means of the volume, axes nearest to upright."""
    z, y, x = _steps(volume, _SPACING_MM)
    block = (min(z, _MAX_SLICES_PER_BLOCK), y, x)
    parts = [volume.hu[start : start + block[0]] for start in range(0, len(volume.hu), block[0])]
    hu = np.stack([_means(part, block) for part in parts])
    padded = _connected_to_border(_padded(parts, block))
    return _upright_grid(volume, hu, ~padded, block)


def sample(volume: Volume, spacing_mm: float) -> CoarseGrid:
    """Every n-th voxel, about `spacing_mm` apart, axes nearest to upright: cheap, and enough to find bones."""
    block = _steps(volume, spacing_mm)
    hu = volume.hu[:: block[0], :: block[1], :: block[2]]
    return _upright_grid(volume, hu, hu > PADDING_HU, block)


def _steps(volume: Volume, spacing_mm: float) -> tuple[int, int, int]:
    """Slices, rows and columns that span about `spacing_mm`; uneven slices count by their mean distance."""
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
    """Coarse planes: where any voxel of a block is padding. Masks are reused while slices have the same padding."""
    planes: list[np.ndarray] = []
    before = None
    for part in parts:
        mask = part.min(axis=0) == PADDING_HU
        planes.append(planes[-1] if before is not None and np.array_equal(mask, before) else _any_in_block(mask, block))
        before = mask
    return np.stack(planes)


def _any_in_block(mask: np.ndarray, block: tuple[int, int, int]) -> np.ndarray:
    """Blocks in which any pixel of the mask (rows, columns) is set."""
    if not mask.any():
        return np.zeros((-(-mask.shape[0] // block[1]), -(-mask.shape[1] // block[2])), bool)
    return _block_means(mask.astype(np.float32), block) > 0


def _connected_to_border(padded: np.ndarray) -> np.ndarray:
    """Padding connected to the border: noise in the trachea may happen to have the padding's value."""
    if not padded.any():
        return padded
    # Usually all planes have the same padding.
    planes = padded[:1] if (padded == padded[0]).all() else padded
    labels, count = cc3d.connected_components(planes, connectivity=6, return_N=True)
    kept = np.zeros(count + 1, bool)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        kept[np.unique(edge)] = True
    kept[0] = False
    return np.broadcast_to(kept[labels], padded.shape)


def _block_means(plane: np.ndarray, block: tuple[int, int, int]) -> np.ndarray:
    """Means of whole blocks, by OpenCV; the last row and column are replicated where a block exceeds the plane."""
    rows, columns = (-(-length // count) for length, count in zip(plane.shape, block[1:], strict=True))
    below, beside = rows * block[1] - plane.shape[0], columns * block[2] - plane.shape[1]
    if below or beside:
        plane = cv2.copyMakeBorder(plane, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    y, x = block[1:]
    while y % 2 == 0 and x % 2 == 0:  # OpenCV is far faster at a factor of 2 than at others
        plane = cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA)
        y, x = y // 2, x // 2
    small: np.ndarray = cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_AREA)
    return small


def _upright(directions: np.ndarray) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """The array axis nearest to head, back and left, and whether it has to be flipped."""
    cosine = directions[:, ::-1].copy()  # columns now z, y, x
    axes = [0, 0, 0]
    flips = [False, False, False]
    for _ in range(3):
        axis, target = np.unravel_index(np.argmax(np.abs(cosine)), cosine.shape)
        axes[target], flips[target] = int(axis), bool(cosine[axis, target] < 0)
        cosine[axis, :] = cosine[:, target] = 0
    return (axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2])
