"""The two lungs in a frontal chest X-ray, by the network that pulmo ships.

Lung is what its training masks count as lung: also what lies behind the heart, but not what lies below the dome of the
diaphragm. `benchmarks/train_lung_segmenter.py` makes the weights, `lungs.npz`, from 98 X-rays of adults and 289 of
children that are CC BY 4.0: whoever passes the weights on names their authors, as the benchmarks page does.
"""

import hashlib
import io
import os
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pulmo.errors import Fault, UserError
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.models.lung_network import PIXELS, LungNetwork

WEIGHTS, FOLDER_VARIABLE = "lungs.npz", "PULMO_WEIGHTS"
WEIGHTS_SHA256 = "c8013d14e007ea404bbe3a44e6d1bbd892fd904fd9be54292e729aca110cb419"
"""Part of the code, so that a stage that segments with other weights is run again."""
Network = Callable[[np.ndarray], np.ndarray]
"""uint8 (PIXELS, PIXELS) → the probability of lung, float32 (PIXELS, PIXELS), as `LungNetwork`."""
CERTAIN = 255
"""The probability 1 as a byte."""
_LUNG = CERTAIN // 2 + 1
_CORES = (0.5, 0.7, 0.85, 0.95)
"""Probabilities at which one region that holds both lungs is tried to be parted."""
_MIN_LUNG = 0.005
"""The least area of a lung, as a share of the image; the smallest of 389 is 0.077."""
_MIN_CORE = 0.15
"""The least area of the smaller of two cores, as a share of the larger."""


class RadiographLungs(NamedTuple):
    """The lungs of an X-ray.

    Attributes:
        labels: uint8 (rows, columns) of the image: LEFT and RIGHT of the patient (`imaging.left_right`), 0 elsewhere.
        certainty: the agreement (Dice) of the network's probabilities with the mask that they are cut to, 0 to 1.
    """

    labels: np.ndarray
    certainty: float


@cache
def shipped_network() -> Network:
    """The network that pulmo ships, `flip_averaged`, read once. Raises UserError as `shipped_weights` does."""
    return flip_averaged(LungNetwork(shipped_weights()))


def flip_averaged(network: Network) -> Network:
    """The mean of a network's probabilities for an image and for its mirror image, left for right."""

    def mean(image: np.ndarray) -> np.ndarray:
        probability: np.ndarray = (network(image) + network(image[:, ::-1])[:, ::-1]) / 2
        return probability

    return mean


def shipped_weights() -> dict[str, np.ndarray]:
    """The weights that pulmo ships, float16, see `models.lung_network`.

    A Kaggle kernel's script is too small for them: there they lie in its dataset, in the folder that the environment
    variable PULMO_WEIGHTS names.

    Raises:
        UserError: they are missing, or others than this version's.
    """
    remedy = "Install pulmo again; on Kaggle, build and push the kernel with its dataset"
    places = [resources.files("pulmo.radiographs"), *map(Path, filter(None, [os.environ.get(FOLDER_VARIABLE)]))]
    file = next((place / WEIGHTS for place in places if (place / WEIGHTS).is_file()), None)
    if file is None:
        raise UserError(Fault(WEIGHTS, "the lung segmenter's weights are missing from the package", remedy))
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise UserError(Fault(str(file), "holds other weights than this version of pulmo has", remedy))
    with np.load(io.BytesIO(content), allow_pickle=False) as weights:
        return dict(weights)


def segment_lungs(grey: np.ndarray, mirrored: bool = False, network: Network | None = None) -> RadiographLungs:
    """The lungs of an X-ray.

    Args:
        grey: uint8 (rows, columns) of any size, bones bright.
        mirrored: the patient's left is on the left of the image, and not, as usual, on its right.
        network: by default the one that pulmo ships.

    Raises:
        UserError: that is missing.
    """
    probability = (network or shipped_network())(letterboxed(grey, PIXELS))
    small = probability[_inside(grey.shape, PIXELS)]
    labels = np.zeros(grey.shape, np.uint8)
    lungs = _two_lungs(small)
    for lung, side in zip(lungs, _sides(lungs, mirrored), strict=True):
        large = cv2.resize(_in_bytes(small, lung), grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
        cv2.max(labels, cv2.threshold(large, _LUNG - 1, side, cv2.THRESH_BINARY, dst=large)[1], dst=labels)
    return RadiographLungs(labels, _certainty(small))


def letterboxed(grey: np.ndarray, pixels: int) -> np.ndarray:
    """An image uint8 (rows, columns) → (pixels, pixels): its aspect ratio kept, in the middle, black around.

    Each pixel is the mean over its area; in a large scan of a film, over at least 4 × 4 pixels spread in that area.
    """
    inside = _inside(grey.shape, pixels)
    square = np.zeros((pixels, pixels), np.uint8)
    size = square[inside].shape[::-1]
    method = cv2.INTER_AREA if max(grey.shape) >= pixels else cv2.INTER_LINEAR
    step = max(1, max(grey.shape) // (4 * pixels))
    square[inside] = cv2.resize(np.ascontiguousarray(grey[::step, ::step]), size, interpolation=method)
    return square


def _inside(shape: tuple[int, ...], pixels: int) -> tuple[slice, slice]:
    """Rows and columns of the letterboxed image that are not black bars."""
    rows, columns = (max(1, round(side * pixels / max(shape))) for side in shape)
    top, left = (pixels - rows) // 2, (pixels - columns) // 2
    return slice(top, top + rows), slice(left, left + columns)


def _two_lungs(probability: np.ndarray) -> list[np.ndarray]:
    """At most two masks, bool (rows, columns), the larger first, their holes filled."""
    lungs = _regions(probability >= _CORES[0], _MIN_LUNG * probability.size)[:2]
    if len(lungs) != 1:
        return lungs
    (both,) = lungs
    for threshold in _CORES[1:]:
        cores = _regions(both & (probability >= threshold), _MIN_LUNG * probability.size)[:2]
        if len(cores) == 2 and _side_by_side(*cores):
            nearer = np.less(*(cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, 5) for core in cores))
            return [both & nearer, both & ~nearer]
    return lungs


def _regions(mask: np.ndarray, min_area: float) -> list[np.ndarray]:
    """Connected regions of a bool mask, the largest first, their holes filled."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = [cv2.drawContours(np.zeros(mask.shape, np.uint8), [each], -1, 1, cv2.FILLED) > 0 for each in outlines]
    return sorted((region for region in filled if region.sum() >= min_area), key=np.sum, reverse=True)


def _side_by_side(larger: np.ndarray, smaller: np.ndarray) -> bool:
    """Whether two regions may be the two lungs: one beside the other, neither a fraction of the other."""
    (y, x), (other_y, other_x) = (np.argwhere(region).mean(axis=0) for region in (larger, smaller))
    return bool(abs(x - other_x) > abs(y - other_y) and smaller.sum() >= _MIN_CORE * larger.sum())


def _sides(lungs: list[np.ndarray], mirrored: bool) -> list[int]:
    """LEFT or RIGHT of the patient for each of at most two lungs; a single one by the image's half that it is in."""
    centres = [float(np.flatnonzero(lung.any(axis=0)).mean()) for lung in lungs]
    middle = float(np.mean(centres)) if len(lungs) == 2 else lungs[0].shape[1] / 2 if lungs else 0.0
    return [LEFT if (centre > middle) != mirrored else RIGHT for centre in centres]


def _in_bytes(probability: np.ndarray, lung: np.ndarray) -> np.ndarray:
    """The probability of one lung, uint8: that of lung at least in what were its holes, and less outside of it."""
    grey = np.rint(CERTAIN * probability).astype(np.uint8)
    return np.where(lung, np.maximum(grey, _LUNG), np.minimum(grey, _LUNG - 1))


def _certainty(probability: np.ndarray) -> float:
    lung = probability >= _CORES[0]
    total = float(probability.sum() + lung.sum())
    return 2 * float(probability[lung].sum()) / total if total else 0.0
