"""Lung segmentation of real chest CTs against reference masks: litres by side, Dice, verdict, and CPU seconds.

    .venv/bin/python benchmarks/real_lungs.py              # segmentation
    .venv/bin/python benchmarks/real_lungs.py --contour    # the outer contour, with disease at the pleura
    .venv/bin/python benchmarks/real_lungs.py --corrupted  # the verdict on corrupted masks

The reference masks were made by one reader with a manually seeded watershed at −400 HU; each has an uncertainty in
litres. They are matched to the volume's slices by position. Reading time is excluded.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from corrupted_masks import corrupted
from pulmo.commands.console import show_table
from pulmo.errors import ScanError
from pulmo.imaging.downsample import downsample
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import find_chest_air
from pulmo.imaging.lung_contour import outer_contour
from pulmo.imaging.lungs import segment_lungs
from pulmo.imaging.quality import assess_quality
from pulmo.imaging.reading import read_volume
from pulmo.imaging.volume import Volume

SHARED_DATA = Path(__file__).parents[1] / "../shared/data"
SERIES_FOLDERS = ("ct", "osic-pulmonary-fibrosis-progression/train", "lidc-idri")


class Reference(NamedTuple):
    """A series with its reference mask: `labels` uint8 (slices, rows, columns), LEFT and RIGHT as `LungMask.labels`;
    `diseased` the same with manually added consolidated lung, where available."""

    name: str
    volume: Volume
    labels: np.ndarray
    diseased: np.ndarray | None
    uncertainty_litres: float


def references(data: Path) -> Iterator[Reference]:
    """Every series with a reference mask, by name."""
    folder = data / "ct/reference_lungs"
    facts = json.loads((folder / "litres.json").read_text())
    for path in sorted(folder.glob("*.npz")):
        series = next(data / parent / path.stem for parent in SERIES_FOLDERS if (data / parent / path.stem).is_dir())
        volume = read_volume(series)
        with np.load(path) as archive:
            labels, diseased = (
                matched(volume, archive[name], archive["positions_mm"]) if name in archive else None
                for name in ("labels", "labels_with_disease")
            )
        assert labels is not None
        yield Reference(path.stem, volume, labels, diseased, facts[path.stem]["uncertainty_l"])


def matched(volume: Volume, labels: np.ndarray, positions_mm: np.ndarray) -> np.ndarray:
    """The reference's slices at the volume's positions. Raises ValueError where a slice has none within 0.1 mm."""
    distance = np.abs(volume.positions_mm[:, None] - positions_mm[None])
    if (distance.min(axis=1) > 0.1).any():
        raise ValueError(f"{volume.source}: slices without a reference")
    return np.asarray(labels[distance.argmin(axis=1)])


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    """Overlap of two bool masks; 1 when both are empty."""
    total = np.count_nonzero(mask) + np.count_nonzero(truth)
    return 2 * np.count_nonzero(mask & truth) / total if total else 1.0


def litres_by_side(volume: Volume, labels: np.ndarray) -> tuple[float, float]:
    """(left, right)."""
    left, right = (float(np.count_nonzero(labels == side, axis=(1, 2)) @ volume.voxel_litres) for side in (LEFT, RIGHT))
    return left, right


def compared(reference: Reference) -> dict[str, str]:
    """One row of the table."""
    true = litres_by_side(reference.volume, reference.labels)
    row = {
        "series": reference.name,
        "reference l (left/right) ±": f"{_litres(true)} ± {reference.uncertainty_litres:.3f}",
    }
    started = time.process_time()
    try:
        mask = segment_lungs(reference.volume)
    except ScanError as error:
        return {**row, "pulmo l": "", "within": "NO", "Dice (left/right)": "", "verdict": str(error), "CPU s": ""}
    seconds = time.process_time() - started
    found = litres_by_side(reference.volume, mask.labels)
    allowed = [max(0.03 * litres, 2 * reference.uncertainty_litres) for litres in (sum(true), *true)]
    errors = [sum(found) - sum(true), found[0] - true[0], found[1] - true[1]]
    within = all(abs(error) <= limit for error, limit in zip(errors, allowed, strict=True))
    sides = "/".join(f"{dice(mask.labels == side, reference.labels == side):.3f}" for side in (LEFT, RIGHT))
    return {
        **row,
        "pulmo l": _litres(found),
        "within": "yes" if within else "NO",
        "Dice (left/right)": f"{dice(mask.labels > 0, reference.labels > 0):.4f} ({sides})",
        "verdict": "; ".join((mask.quality.verdict, *mask.quality.reasons)),
        "CPU s": f"{seconds:.2f}",
    }


def verdicts(data: Path) -> list[dict[str, str]]:
    """The number of masks with a verdict other than "good", for each corruption and for the true masks.

    Masks of a series with a doubtful true mask are counted separately.
    """
    verdict_of: dict[str, list[tuple[str, bool, bool]]] = {}
    for reference in references(data):
        chest = find_chest_air(downsample(reference.volume))
        true = assess_quality(reference.volume, reference.labels, chest)
        trusted = true.verdict == "good"
        verdict_of.setdefault("none (true mask)", []).append((reference.name, not trusted, True))
        for corruption, labels in corrupted(reference.volume, reference.labels):
            doubted = assess_quality(reference.volume, labels, chest).verdict != "good"
            verdict_of.setdefault(corruption, []).append((reference.name, doubted, trusted))
    every = [
        entry for corruption, entries in verdict_of.items() if not corruption.startswith("none") for entry in entries
    ]
    return [
        _verdict_row(corruption, entries) for corruption, entries in (*verdict_of.items(), ("all corruptions", every))
    ]


def _verdict_row(corruption: str, entries: list[tuple[str, bool, bool]]) -> dict[str, str]:
    trusted = [doubted for _, doubted, trusted in entries if trusted]
    others = len(entries) - len(trusted)
    return {
        "corruption": corruption,
        "detected": f"{sum(trusted)} of {len(trusted)}"
        + (f" (and {others} of a doubtful true mask)" if others else ""),
        "not detected": ", ".join(name for name, doubted, trusted in entries if trusted and not doubted),
    }


def contours(data: Path) -> list[dict[str, str]]:
    """Dice of the mask and of the outer contour with the reference, without and with consolidated lung."""
    rows = []
    for reference in references(data):
        labels = segment_lungs(reference.volume).labels
        contour = outer_contour(reference.volume, labels)
        truths = (reference.labels, reference.diseased)
        columns = [
            " ".join(f"{dice(mask > 0, truth > 0):.4f}" if truth is not None else "–" for truth in truths)
            for mask in (labels, contour)
        ]
        rows.append(
            {
                "series": reference.name,
                "mask: Dice, with disease": columns[0],
                "contour: Dice, with disease": columns[1],
                "contour l": _litres(litres_by_side(reference.volume, contour)),
            }
        )
    return rows


def _litres(sides: tuple[float, float]) -> str:
    return f"{sum(sides):.3f} ({sides[0]:.3f}/{sides[1]:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    parser.add_argument("--corrupted", action="store_true", help="assess deliberately corrupted masks")
    parser.add_argument("--contour", action="store_true", help="compare the outer contour")
    arguments = parser.parse_args()
    if arguments.contour:
        show_table(contours(arguments.data))
        return
    if arguments.corrupted:
        show_table(verdicts(arguments.data))
        return
    show_table([compared(reference) for reference in references(arguments.data)])


if __name__ == "__main__":
    main()
