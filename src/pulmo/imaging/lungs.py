"""Where the lungs are: left and right, without windpipe, bowel, table and the air outside."""

from dataclasses import dataclass

import numpy as np

from pulmo.errors import Fault, ScanError
from pulmo.imaging.coarse import coarse_grid
from pulmo.imaging.hounsfield import HIGHEST_HU, PADDING_HU
from pulmo.imaging.outline import outline
from pulmo.imaging.pockets import Way, find_lungs
from pulmo.imaging.quality import Quality, judge
from pulmo.imaging.volume import Volume

_AIR_HU = -700
_SHORTEST_MM = 80.0
"""Less of a chest than this shows no lungs whole, and no other part of the body either."""

WAYS = (
    Way(threshold_hu=-320),
    Way(threshold_hu=-320, closing_mm=4),
    Way(threshold_hu=-320, closing_mm=4, gas_apart=True),
    Way(threshold_hu=-500, closing_mm=4),
)
"""Tried in turn until a mask is good. −320 HU is the tutorial's threshold, about half way between lung and tissue.
Closing shuts the holes that join the lungs to the air outside (streaks from a pacemaker); gas is set apart where they
are too wide for that (a windpipe cut open)."""


@dataclass(frozen=True)
class LungMask:
    """`labels` uint8 (slices, rows, columns), as the volume: 0 outside, LEFT 1 and RIGHT 2 in the patient's sense."""

    labels: np.ndarray
    quality: Quality


def segment_lungs(volume: Volume, fill_structures: bool = True) -> LungMask:
    """The lungs of a chest CT; vessels and nodules inside them belong to them if `fill_structures`.

    Found on a coarse grid, then outlined voxel by voxel. Raises ScanError if there are no lungs in the scan.
    """
    grid = coarse_grid(volume)
    best: LungMask | None = None
    for way in WAYS:
        lungs, other_air = find_lungs(grid, way)
        labels = outline(volume, grid, lungs, other_air, way, fill_structures)
        mask = LungMask(labels, judge(volume, labels, grid))
        if best is None or mask.quality.rank > best.quality.rank:
            best = mask
        if best.quality.verdict == "good":
            break
    if best is None or best.quality.verdict == "unusable":
        raise ScanError(_no_lungs(volume))
    return best


def _no_lungs(volume: Volume) -> Fault:
    """What is likely of a scan without lungs: other values than HU, too short a part of the body, or another part."""
    least = int(volume.hu.min(where=volume.hu > PADDING_HU, initial=HIGHEST_HU))
    covered_mm = float(volume.extents_mm.sum())
    what, remedy = "no lungs in this scan", "Give a chest CT that shows them; this may be a head or an abdomen"
    if least > _AIR_HU:
        what += f": nothing in it is as light as air, its least value is {least}"
        remedy = "Look at its RescaleSlope and RescaleIntercept: these may be no Hounsfield units"
    elif covered_mm < _SHORTEST_MM:
        what += f", which covers {covered_mm:.0f} mm"
        remedy = "Give the whole chest; if it is there, look at the slices' positions"
    return Fault(volume.source, what, remedy)
