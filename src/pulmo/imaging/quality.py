"""Can this mask be lungs? A verdict with its numbers and its reasons."""

from dataclasses import dataclass

import numpy as np

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.left_right import LEFT, RIGHT, labelled_window
from pulmo.imaging.volume import Volume

_FEWEST_LITRES, _FEWEST_SHARE = 0.15, 0.02
_USUAL_LITRES = (0.8, 10.0)
_SMALLER_LUNG = 0.15
_ROUGHEST = 1.6
_VERDICTS = ("unusable", "doubtful", "good")


@dataclass(frozen=True)
class Quality:
    """What a lung mask looks like.

    `share` of the body that is lung, by volume; `balance` the left lung's share of both; `roughness` how often the
    lungs' area goes up and down along the normal: 1 for up and down once. `pixel_ratio` is background voxels to lung
    voxels, the OSIC report's criterion: reported, but it says little and decides nothing.
    """

    verdict: str
    reasons: tuple[str, ...]
    litres: float
    share: float
    balance: float
    roughness: float
    pixel_ratio: float

    @property
    def rank(self) -> int:
        """Higher is better."""
        return _VERDICTS.index(self.verdict)


def _roughness(*areas: np.ndarray) -> float:
    """All the ways up and down of each lung's area (slices,), over those of going up and down once."""
    once = sum(2.0 * area.max() for area in areas)
    return float(sum(np.abs(np.diff(area, prepend=0, append=0)).sum() for area in areas) / once) if once else 0.0


def assess_quality(volume: Volume, labels: np.ndarray, grid: CoarseGrid) -> Quality:
    """The verdict on `labels`: good, doubtful (used, but said) or unusable (not lungs)."""
    planes = labels[(slice(None), *labelled_window(labels))]
    left, right = (np.array([np.count_nonzero(plane == side) for plane in planes]) for side in (LEFT, RIGHT))
    area = left + right
    litres = float(area @ volume.voxel_litres)
    balance = float(left.sum() / area.sum()) if area.any() else 0.0
    tissue_litres = np.count_nonzero(grid.measured & (grid.hu > -320)) * grid.voxel_litres
    share = litres / (litres + tissue_litres) if litres else 0.0
    roughness = _roughness(left, right)
    reasons = []
    if not _USUAL_LITRES[0] <= litres <= _USUAL_LITRES[1]:
        reasons.append(f"{litres:.2f} litres")
    if min(balance, 1 - balance) < _SMALLER_LUNG:
        reasons.append(f"left lung {balance:.0%} of both")
    if roughness > _ROUGHEST:
        reasons.append(f"area uneven along the normal ({roughness:.2f})")
    verdict = "doubtful" if reasons else "good"
    if litres < _FEWEST_LITRES or share < _FEWEST_SHARE:
        verdict = "unusable"
        reasons.append(f"{share:.1%} of the body")
    voxels = int(area.sum())
    return Quality(
        verdict=verdict,
        reasons=tuple(reasons),
        litres=litres,
        share=share,
        balance=balance,
        roughness=roughness,
        pixel_ratio=(labels.size - voxels) / voxels if voxels else 0.0,
    )
