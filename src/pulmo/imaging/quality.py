"""Plausibility checks of a lung mask: a verdict with its numbers and its reasons."""

from dataclasses import dataclass

import cv2
import numpy as np

from pulmo.imaging.downsample import downsample
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import LUNG_BELOW_HU, ChestAir, find_chest_air
from pulmo.imaging.mask_evidence import Evidence, measure_evidence
from pulmo.imaging.volume import Volume

_FEWEST_LITRES, _FEWEST_SHARE = 0.15, 0.02
_USUAL_LITRES = (0.8, 10.0)
_SMALLER_LUNG = 0.15
_ROUGHEST = 1.6
_MOST_GAS_LITRES, _MOST_LIGHT_LITRES = 0.004, 0.02
_MOST_MISSING, _MOST_OPEN_RIM, _MOST_DENSE, _MOST_OUTSIDE = 0.03, 0.03, 0.02, 0.1
_MOST_AT_ENDS, _MOST_AT_FIELD, _WIDEST_GAP = 0.12, 0.03, 0.05
_VERDICTS = ("unusable", "doubtful", "good")


@dataclass(frozen=True)
class Quality:
    """What a lung mask looks like.

    `share` of the body that is lung, by volume; `balance` the left lung's share of both; `roughness` how often the
    lungs' area goes up and down along the normal: 1 for up and down once. `pixel_ratio` is background voxels to lung
    voxels, the OSIC report's criterion: reported, but it says little and decides nothing. `mask_faults` counts the
    reasons that another mask of the same scan might not give; the others, such as a cut lung, are the scan's.
    """

    verdict: str
    reasons: tuple[str, ...]
    mask_faults: int
    litres: float
    share: float
    balance: float
    roughness: float
    pixel_ratio: float

    @property
    def rank(self) -> tuple[int, int]:
        """Higher is better: by the verdict, then by how few faults are the mask's."""
        return _VERDICTS.index(self.verdict), -self.mask_faults


def _roughness(*areas: np.ndarray) -> float:
    """All the ways up and down of each lung's area (slices,), over those of going up and down once."""
    once = sum(2.0 * area.max() for area in areas)
    return float(sum(np.abs(np.diff(area, prepend=0, append=0)).sum() for area in areas) / once) if once else 0.0


def assess_mask(volume: Volume, labels: np.ndarray) -> Quality:
    """The verdict on any lung mask of the scan, wherever it comes from; `labels` as `LungMask.labels`."""
    return assess_quality(volume, labels, find_chest_air(downsample(volume)))


def assess_quality(volume: Volume, labels: np.ndarray, chest: ChestAir) -> Quality:
    """The verdict on `labels`: good, doubtful (used, but said) or unusable (not lungs)."""
    grid = chest.grid
    left, right = _areas(labels)
    area = left + right
    voxels = int(area.sum())
    litres = float(area @ volume.voxel_litres)
    balance = float(left.sum() / voxels) if voxels else 0.0
    tissue_litres = np.count_nonzero(grid.measured & (grid.hu > LUNG_BELOW_HU)) * grid.voxel_litres
    share = litres / (litres + tissue_litres) if litres else 0.0
    roughness = _roughness(left, right)
    # A mask that lies between the coarse grid's samples is far too small for lungs, whatever the evidence.
    evidence = measure_evidence(volume, labels, area, chest) if grid.sampled(labels).any() else None
    of_mask = [*_implausible(litres, balance, roughness), *(_mask_faults(evidence) if evidence else ())]
    of_scan = _scan_limits(evidence) if evidence else []
    verdict = "doubtful" if of_mask or of_scan else "good"
    if litres < _FEWEST_LITRES or share < _FEWEST_SHARE:
        verdict = "unusable"
        of_mask.append(f"{share:.1%} of the body")
    return Quality(
        verdict=verdict,
        reasons=(*of_mask, *of_scan),
        mask_faults=len(of_mask),
        litres=litres,
        share=share,
        balance=balance,
        roughness=roughness,
        pixel_ratio=(labels.size - voxels) / voxels if voxels else 0.0,
    )


def _areas(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of the left and of the right lung, each (slices,)."""
    both, summed = np.array([(cv2.countNonZero(plane), int(cv2.sumElems(plane)[0])) for plane in labels]).T
    right = (summed - LEFT * both) // (RIGHT - LEFT)
    return both - right, right


def _implausible(litres: float, balance: float, roughness: float) -> list[str]:
    reasons = []
    if not _USUAL_LITRES[0] <= litres <= _USUAL_LITRES[1]:
        reasons.append(f"{litres:.2f} litres")
    if min(balance, 1 - balance) < _SMALLER_LUNG:
        reasons.append(f"left lung {balance:.0%} of both")
    if roughness > _ROUGHEST:
        reasons.append(f"area uneven along the normal ({roughness:.2f})")
    return reasons


def _mask_faults(evidence: Evidence) -> list[str]:
    """What another attempt may mend."""
    reasons = []
    if evidence.gas_litres > _MOST_GAS_LITRES:
        reasons.append(f"{1e3 * evidence.gas_litres:.0f} ml of gas in airways or gut")
    elif evidence.light_litres > _MOST_LIGHT_LITRES:
        reasons.append(f"{1e3 * evidence.light_litres:.0f} ml as light as air in the lower half")
    if evidence.missing > _MOST_MISSING:
        reasons.append(f"{evidence.missing:.0%} more of lung's density beside the mask")
    if evidence.open_rim > _MOST_OPEN_RIM:
        reasons.append(f"lung's density goes on behind {evidence.open_rim:.0%} of the border")
    if evidence.dense > _MOST_DENSE:
        reasons.append(f"{evidence.dense:.0%} of the mask is solid tissue")
    if evidence.outside > _MOST_OUTSIDE and evidence.at_field <= _MOST_AT_FIELD:
        reasons.append(_outside(evidence))
    if evidence.exchanged:
        reasons.append("left and right exchanged")
    return reasons


def _outside(evidence: Evidence) -> str:
    return f"{evidence.outside:.0%} of the mask is not between tissue"


def _scan_limits(evidence: Evidence) -> list[str]:
    """What no mask can mend."""
    reasons = []
    if evidence.at_ends > _MOST_AT_ENDS:
        reasons.append(f"cut by the first or last slice, which shows {evidence.at_ends:.0%} of the largest area")
    if evidence.at_field > _MOST_AT_FIELD:
        reasons.append(f"cut by the field of view along {evidence.at_field:.0%} of the border")
        # The tissue beyond a lung that is cut is not in the picture: no fault of the mask.
        if evidence.outside > _MOST_OUTSIDE:
            reasons.append(_outside(evidence))
    if evidence.gap > _WIDEST_GAP:
        reasons.append(f"a gap of {evidence.gap:.0%} of the lungs' height")
    return reasons
