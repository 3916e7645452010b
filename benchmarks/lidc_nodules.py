"""Coverage of nodules by DSB's lung mask and slice selection, on LIDC-IDRI-0001 with four readers' outlines.

    .venv/bin/python benchmarks/lidc_nodules.py

Nodules of 3 mm or more outlined by at least two readers; outlines with centres within 15 mm are of one nodule. For
each: the fraction of its voxels (outlined by at least half of its readers) in the lung mask, and in the mask dilated by
DSB's margin, which is the network's input; and the rank of its best slice by area of nodule candidates, by which
`slice_share` selects slices.
"""

import argparse
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import cv2
import numpy as np

from pulmo.commands.console import show_table
from pulmo.imaging.lungs import segment_lungs
from pulmo.imaging.network_volume import NODULE_ENHANCED_HU, enhance_nodules
from pulmo.imaging.reading import read_volume
from pulmo.imaging.refine_mask import dilate_mm
from pulmo.imaging.volume import Volume

SHARED_DATA = Path(__file__).parents[1] / "../shared/data"
NAMESPACE = {"lidc": "http://www.nih.gov"}
SAME_NODULE_MM = 15.0
MARGIN_MM, VESSEL_MM = 3.0, 3.0
"""As in DSB's config.toml."""


class Outline(NamedTuple):
    """One reader's nodule: `mask` bool (slices, rows, columns); `middle_mm` (slices, rows, columns)."""

    reader: int
    mask: np.ndarray
    middle_mm: np.ndarray


def outlines(xml: Path, volume: Volume) -> list[Outline]:
    """All nodules with an outline; the outline is just outside the nodule."""
    found = []
    for reader, session in enumerate(ElementTree.parse(xml).getroot().iterfind("lidc:readingSession", NAMESPACE)):
        for nodule in session.iterfind("lidc:unblindedReadNodule", NAMESPACE):
            mask = np.zeros(volume.hu.shape, np.uint8)
            for roi in nodule.iterfind("lidc:roi", NAMESPACE):
                corners = np.array(
                    [
                        [int(edge.findtext(f"lidc:{axis}", "0", NAMESPACE)) for axis in ("xCoord", "yCoord")]
                        for edge in roi.iterfind("lidc:edgeMap", NAMESPACE)
                    ],
                    np.int32,
                )
                height = float(roi.findtext("lidc:imageZposition", "nan", NAMESPACE))
                plane = mask[int(np.argmin(np.abs(volume.positions_mm - height)))]
                if len(corners) > 1:
                    drawn = np.zeros_like(plane)
                    cv2.fillPoly(drawn, [corners], 1)
                    cv2.polylines(drawn, [corners], isClosed=True, color=0)
                    plane |= drawn if roi.findtext("lidc:inclusion", "", NAMESPACE) == "TRUE" else 0
            if mask.any():
                z, y, x = (part.mean() for part in np.nonzero(mask))
                middle = [np.interp(z, np.arange(len(volume.positions_mm)), volume.positions_mm)]
                middle += [y * volume.pixel_spacing_mm[0], x * volume.pixel_spacing_mm[1]]
                found.append(Outline(reader, mask > 0, np.array(middle)))
    return found


def nodules(found: list[Outline]) -> list[list[Outline]]:
    """Outlines grouped by nodule; only nodules of two readers or more."""
    groups: list[list[Outline]] = []
    for outline in found:
        near = [g for g in groups if np.linalg.norm(g[0].middle_mm - outline.middle_mm) < SAME_NODULE_MM]
        if near:
            near[0].append(outline)
        else:
            groups.append([outline])
    return [group for group in groups if len({outline.reader for outline in group}) >= 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED_DATA / "lidc-idri/LIDC-IDRI-0001")
    folder = parser.parse_args().data
    volume = read_volume(folder)
    lungs = segment_lungs(volume).labels > 0
    dilated = dilate_mm(lungs, volume, MARGIN_MM)
    areas = np.count_nonzero(enhance_nodules(volume, dilated, VESSEL_MM) > NODULE_ENHANCED_HU, axis=(1, 2))
    rank = np.empty(len(areas), int)
    rank[np.argsort(-areas, kind="stable")] = 1 + np.arange(len(areas))
    rows = []
    for group in nodules(outlines(next(folder.glob("*.xml")), volume)):
        nodule = np.mean([outline.mask for outline in group], axis=0) >= 0.5
        slices = np.flatnonzero(nodule.any(axis=(1, 2)))
        litres = np.count_nonzero(nodule, axis=(1, 2)) @ volume.voxel_litres
        best = int(rank[slices].min())
        rows.append(
            {
                "readers": str(len({outline.reader for outline in group})),
                "slices": f"{slices[0]}–{slices[-1]}",
                "diameter": f"{200 * (litres * 3 / 4 / np.pi) ** (1 / 3):.0f} mm",
                "in the mask": f"{np.mean(lungs[nodule]):.1%}",
                "in the dilated mask": f"{np.mean(dilated[nodule]):.1%}",
                "best rank": f"{best} of {len(areas)}",
                "all kept with slice_share": f"{rank[slices].max() / len(areas):.2f}",
            }
        )
    if not rows:
        print(f"no nodule outlined by two readers in {folder}")
        return
    show_table(rows)


if __name__ == "__main__":
    main()
