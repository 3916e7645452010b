"""One CT series measured: geometry, repairs, lung volumes and densities, and figures."""

from pathlib import Path
from typing import Any

from pulmo import NOT_FOR_CLINICAL_USE
from pulmo.commands.console import log, show_json
from pulmo.errors import Fault, ScanError
from pulmo.imaging.lungs import LungMask, segment_lungs
from pulmo.imaging.reading import read_volume
from pulmo.imaging.statistics import lung_statistics
from pulmo.imaging.volume import Volume
from pulmo.pipeline.disk import writable_folder, writing_to
from pulmo.report.scan import draw_histogram, draw_montage, write_lung_surfaces


def scan_folder(folder: Path, out: Path | None, as_json: bool) -> None:
    """Print the measurements of a series and draw it.

    Raises:
        ScanError: there is no such folder, no DICOM file in it, or no lung in the scan; with the remedy.
    """
    if not folder.is_dir():
        raise ScanError(Fault(str(folder), "there is no such folder", "Name the folder of one CT series"))
    drawn = out or Path("work") / "scan" / folder.resolve().name
    writable_folder(drawn)
    volume = read_volume(folder)
    mask = segment_lungs(volume)
    facts = _facts(volume, mask)
    figures = _draw(volume, mask, drawn)
    if as_json:
        show_json({**facts, "figures": [str(path) for path in figures]})
    else:
        _show(facts)
        for path in figures:
            print(f"{'figure':30}{path}")
        print(NOT_FOR_CLINICAL_USE)


def _facts(volume: Volume, mask: LungMask) -> dict[str, Any]:
    flat = lung_statistics(volume, mask)
    per_axis = ("spacing_z_mm", "spacing_y_mm", "spacing_x_mm")
    numbers = {name: value for name, value in flat.items() if name not in (*per_axis, "quality", "repairs")}
    return {
        **numbers,
        "spacing_mm": [flat[name] for name in per_axis],
        "shape": list(volume.hu.shape),
        "repairs": list(volume.repairs),
        "quality": {"verdict": mask.quality.verdict, "reasons": list(mask.quality.reasons)},
    }


def _draw(volume: Volume, mask: LungMask, folder: Path) -> list[Path]:
    log(f"Drawing into {folder} …")
    montage, histogram, surface = (folder / name for name in ("montage.png", "histogram.png", "lungs.html"))
    with writing_to(folder):
        draw_montage(volume, mask, montage)
        draw_histogram(volume, mask, histogram)
        write_lung_surfaces(volume, mask, surface)
    return [montage, histogram, surface]


def _show(facts: dict[str, Any]) -> None:
    for name, value in facts.items():
        if name == "quality":
            print(f"{name:30}{'; '.join([value['verdict'], *value['reasons']])}")
        elif name == "repairs":
            print(f"{name:30}{'; '.join(value) or 'none'}")
        elif isinstance(value, list):
            print(f"{name:30}{' × '.join(f'{part:g}' for part in value)}")
        else:
            print(f"{name:30}{value:.4g}" if isinstance(value, float) else f"{name:30}{value}")
