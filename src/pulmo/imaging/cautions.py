"""Limits of a scan's measurements that a good lung mask does not remove, in words."""

import numpy as np

from pulmo.imaging.lungs import LungMask
from pulmo.imaging.mask_defects import UNEVEN, largest_step
from pulmo.imaging.volume import Volume

_AT_ENDS = 0.01
"""Area of lung in the first or last slice, as a fraction of the largest: more than a voxel or two of noise."""
_GAP = 0.03
"""Gap between slices, as a fraction of the lungs' height."""
_THICK_MM = 2.0
"""Emphysema is measured on slices of about 1 mm (Gevenois et al., 1996). Thicker ones average it with the tissue around
it, and fewer voxels lie below −950 HU (Madani et al., Radiology 2007; 243: 250)."""
_DISEASE = 0.015
"""Dense tissue within the lungs' outer contour, as a fraction of the mask: normal lungs have up to 0.008."""


def cautions(volume: Volume, mask: LungMask) -> tuple[str, ...]:
    """Why litres or fractions may differ from the patient's, one sentence each; empty if nothing is known."""
    areas = np.count_nonzero(mask.labels, axis=(1, 2))
    return (*_ends(areas), *_gaps(volume, areas), *_thickness(volume), *_disease(mask))


def _ends(areas: np.ndarray) -> list[str]:
    return [
        f"The lungs reach the {name} slice ({area / areas.max():.0%} of their largest area): they may extend beyond "
        "the scan, and litres are of the part within it."
        for name, area in (("first", areas[0]), ("last", areas[-1]))
        if area > _AT_ENDS * areas.max()
    ]


def _gaps(volume: Volume, areas: np.ndarray) -> list[str]:
    step_mm, height_mm = largest_step(volume, areas)
    if step_mm <= max(_GAP * height_mm, UNEVEN * volume.spacing_mm[0]):
        return []
    share = step_mm / height_mm
    return [
        f"A gap between slices is {share:.0%} of the lungs' height: litres there are estimated from the neighbours."
    ]


def _thickness(volume: Volume) -> list[str]:
    if volume.thickness_mm <= _THICK_MM:
        return []
    return [
        f"Slices are {volume.thickness_mm:g} mm thick: the emphysema fraction, defined on slices of about 1 mm, is "
        "likely too small."
    ]


def _disease(mask: LungMask) -> list[str]:
    outside = 0.0 if mask.edge_litres is None else float(mask.edge_litres.sum())
    if outside <= _DISEASE * mask.quality.litres:
        return []
    return [
        f"{1000 * outside:.0f} ml of dense tissue lie outside the mask, within the lungs' outer contour: litres and "
        "mean HU exclude them; ground glass, consolidation and high attenuation include them."
    ]
