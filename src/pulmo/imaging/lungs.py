"""Lung segmentation in chest CT: left and right, without trachea, bowel, table and the air outside."""

from dataclasses import dataclass, replace

import numpy as np

from pulmo.errors import Fault, ScanError
from pulmo.imaging.downsample import downsample
from pulmo.imaging.hounsfield import HIGHEST_HU, PADDING_HU
from pulmo.imaging.lung_components import LUNG_BELOW_HU, SegmentationParameters, find_chest_air, find_lungs
from pulmo.imaging.lung_contour import edge_histogram, edge_of_lungs
from pulmo.imaging.quality import Quality, assess_quality
from pulmo.imaging.refine_mask import refine_mask
from pulmo.imaging.volume import Volume

_AIR_HU = -700
_SHORTEST_MM = 80.0
"""Shorter scans cannot cover the lungs."""

ATTEMPTS = (
    SegmentationParameters(threshold_hu=LUNG_BELOW_HU),
    SegmentationParameters(threshold_hu=LUNG_BELOW_HU, enclosed_only=True),
    SegmentationParameters(threshold_hu=LUNG_BELOW_HU, closing_mm=4, enclosed_only=True),
    SegmentationParameters(threshold_hu=-550, closing_mm=4, enclosed_only=True),
)
"""Tried in turn until the mask has no fault. Closing the tissue removes holes that connect the lungs to the air outside
(streaks from a pacemaker); so does excluding air that is not enclosed, where gaps between slices connect them."""


@dataclass(frozen=True)
class LungMask:
    """`labels` uint8 (slices, rows, columns), as the volume: 0 outside, LEFT 1 and RIGHT 2 in the patient's sense.

    `edge_litres` (4096,) are litres at each HU from −1024 to 3071 of the tissue between the mask and the lungs' smooth
    outer contour, None where that was not computed: see `lung_contour`.
    """

    labels: np.ndarray
    quality: Quality
    edge_litres: np.ndarray | None = None

    def __repr__(self) -> str:
        quality = self.quality
        return f"LungMask({quality.litres:.2f} litres, left {quality.balance:.0%}, {quality.verdict})"


def segment_lungs(volume: Volume, fill_structures: bool = True) -> LungMask:
    """The lungs of a chest CT; vessels and nodules inside them are included if `fill_structures`.

    Found on a coarse grid, then refined voxel by voxel. Raises ScanError if there are no lungs in the scan.
    """
    grid = downsample(volume)
    chest = find_chest_air(grid)
    best: LungMask | None = None
    for parameters in ATTEMPTS:
        lungs, other_air = find_lungs(chest, parameters)
        labels = refine_mask(volume, grid, lungs, other_air, parameters, fill_structures)
        mask = LungMask(labels, assess_quality(volume, labels, chest))
        if best is None or mask.quality.rank > best.quality.rank:
            best = mask
        if not best.quality.mask_faults:
            break
    if best is None or best.quality.verdict == "unusable":
        raise ScanError(_no_lungs(volume))
    return replace(best, edge_litres=edge_histogram(chest, edge_of_lungs(chest, grid.sampled(best.labels))))


def estimate_lung_litres(volume: Volume) -> float:
    """Litres of lung on the coarse grid, by the first attempt alone: enough to compare acquisitions of one patient."""
    grid = downsample(volume)
    lungs, _ = find_lungs(find_chest_air(grid), ATTEMPTS[0])
    return float(np.count_nonzero(lungs)) * grid.voxel_litres


def _no_lungs(volume: Volume) -> Fault:
    """The likely reason: values that are not HU, too short a scan, or another part of the body."""
    lowest = int(volume.hu.min(where=volume.hu > PADDING_HU, initial=HIGHEST_HU))
    covered_mm = float(volume.extents_mm.sum())
    what, remedy = "no lungs in this scan", "Give a chest CT that shows them; this may be a head or an abdomen"
    if lowest > _AIR_HU:
        what += f": its lowest value is {lowest}, far above air"
        remedy = "Check its RescaleSlope and RescaleIntercept: these may not be Hounsfield units"
    elif covered_mm < _SHORTEST_MM:
        what += f", which covers {covered_mm:.0f} mm"
        remedy = "Give the whole chest; if it is there, check the slices' positions"
    return Fault(volume.source, what, remedy)
