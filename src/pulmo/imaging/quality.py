"""Plausibility checks of a lung mask: a verdict with its measures and reasons."""

from dataclasses import dataclass

import cv2
import numpy as np

from pulmo.imaging.downsample import downsample
from pulmo.imaging.left_right import RIGHT
from pulmo.imaging.lung_components import LUNG_BELOW_HU, ChestAir, find_chest_air
from pulmo.imaging.mask_defects import MaskDefects, measure_defects
from pulmo.imaging.volume import Volume

_MIN_LITRES, _MIN_FRACTION = 0.15, 0.02
_USUAL_LITRES = (0.8, 10.0)
_MIN_BALANCE = 0.15
_MAX_ROUGHNESS = 1.6
_MAX_GAS_LITRES, _MAX_LIGHT_LITRES = 0.004, 0.02
_MAX_MISSING, _MAX_OPEN_RIM, _MAX_DENSE, _MAX_OUTSIDE = 0.03, 0.03, 0.02, 0.1
_MAX_AT_ENDS, _MAX_AT_FIELD = 0.12, 0.03
_MAX_STEP, _MAX_GAP = 0.12, 0.06
"""Distance of slices over the lungs' height: of even ones, and of those that are further apart than the others."""
_VERDICTS = ("unusable", "doubtful", "good")


@dataclass(frozen=True)
class Quality:
    """Quality of a lung mask.

    `verdict` is good, doubtful or unusable, `reasons` in words. `share` is the fraction of the body that is lung, by
    volume; `balance` the left lung's fraction of both; `roughness` the total variation of the lungs' area along the
    normal, 1 for a single rise and fall. `pixel_ratio` is background voxels to lung voxels, the OSIC report's
    criterion: reported only, as it depends mostly on the field of view. `mask_faults` counts the reasons that another
    mask of the same scan might not have; the others, such as a truncated lung, are properties of the scan.
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
        """Sort key, higher is better: the verdict, then the number of mask faults."""
        return _VERDICTS.index(self.verdict), -self.mask_faults


def _roughness(*areas: np.ndarray) -> float:
    """Total variation of each lung's area (slices,), relative to a single rise and fall."""
    single = sum(2.0 * area.max() for area in areas)
    return float(sum(np.abs(np.diff(area, prepend=0, append=0)).sum() for area in areas) / single) if single else 0.0


def assess_mask(volume: Volume, labels: np.ndarray) -> Quality:
    """Assesses any lung mask of the scan; `labels` as `LungMask.labels`."""
    return assess_quality(volume, labels, find_chest_air(downsample(volume)))


def assess_quality(volume: Volume, labels: np.ndarray, chest: ChestAir) -> Quality:
    """Assesses `labels`: good, doubtful (used, with a warning) or unusable (not lungs)."""
    grid = chest.grid
    left, right = _areas(labels)
    area = left + right
    voxels = int(area.sum())
    litres = float(area @ volume.voxel_litres)
    balance = float(left.sum() / voxels) if voxels else 0.0
    tissue_litres = np.count_nonzero(grid.measured & (grid.hu > LUNG_BELOW_HU)) * grid.voxel_litres
    share = litres / (litres + tissue_litres) if litres else 0.0
    roughness = _roughness(left, right)
    # A mask that falls between the coarse grid's samples is far too small for lungs, whatever its defects.
    defects = measure_defects(volume, labels, area, chest) if grid.sampled(labels).any() else None
    of_mask = [*_implausible(litres, balance, roughness), *(_mask_faults(defects) if defects else ())]
    of_scan = _scan_limits(defects) if defects else []
    verdict = "doubtful" if of_mask or of_scan else "good"
    if litres < _MIN_LITRES or share < _MIN_FRACTION:
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
    both, right = np.array([(cv2.countNonZero(plane), cv2.countNonZero(plane & RIGHT)) for plane in labels]).T
    return both - right, right


def _implausible(litres: float, balance: float, roughness: float) -> list[str]:
    reasons = []
    if not _USUAL_LITRES[0] <= litres <= _USUAL_LITRES[1]:
        reasons.append(f"{litres:.2f} litres")
    if min(balance, 1 - balance) < _MIN_BALANCE:
        reasons.append(f"left lung {balance:.0%} of both")
    if roughness > _MAX_ROUGHNESS:
        reasons.append(f"area uneven along the normal ({roughness:.2f})")
    return reasons


def _mask_faults(defects: MaskDefects) -> list[str]:
    """Faults that another attempt may not have."""
    reasons = []
    if defects.gas_litres > _MAX_GAS_LITRES:
        reasons.append(f"{1e3 * defects.gas_litres:.0f} ml of gas in airways or gut")
    elif defects.light_litres > _MAX_LIGHT_LITRES:
        reasons.append(f"{1e3 * defects.light_litres:.0f} ml as light as air in the lower half")
    if defects.missing > _MAX_MISSING:
        reasons.append(f"{defects.missing:.0%} more with the density of lung beside the mask")
    if defects.open_rim > _MAX_OPEN_RIM:
        reasons.append(f"density of lung beyond {defects.open_rim:.0%} of the border")
    if defects.dense > _MAX_DENSE:
        reasons.append(f"{defects.dense:.0%} of the mask is solid tissue")
    if defects.outside > _MAX_OUTSIDE and defects.at_field <= _MAX_AT_FIELD:
        reasons.append(_outside(defects))
    if defects.swapped:
        reasons.append("left and right swapped")
    return reasons


def _outside(defects: MaskDefects) -> str:
    return f"{defects.outside:.0%} of the mask is not between tissue"


def _scan_limits(defects: MaskDefects) -> list[str]:
    """Limits of the scan, the same for every mask."""
    reasons = []
    if defects.at_ends > _MAX_AT_ENDS:
        reasons.append(f"truncated by the first or last slice, which has {defects.at_ends:.0%} of the largest area")
    if defects.at_field > _MAX_AT_FIELD:
        reasons.append(f"truncated by the field of view along {defects.at_field:.0%} of the border")
        # The tissue beyond a truncated lung is outside the image: not a fault of the mask.
        if defects.outside > _MAX_OUTSIDE:
            reasons.append(_outside(defects))
    if defects.step > (_MAX_GAP if defects.is_gap else _MAX_STEP):
        distance = f"slices up to {defects.step_mm:.3g} mm apart, {defects.step:.0%} of the lungs' height"
        reasons.append(f"{distance}: litres ± {defects.sampling_litres:.2g}")
    return reasons
