"""One CT series measured: geometry, repairs, lung volumes and densities, figures, and files for other programs."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pulmo import NOT_FOR_CLINICAL_USE
from pulmo.commands.console import USER_AT_FAULT, log, show_json
from pulmo.commands.scan_export import check_name, export
from pulmo.errors import CommandLineError, Fault, ScanError
from pulmo.imaging.cautions import cautions
from pulmo.imaging.lungs import LungMask, segment_lungs
from pulmo.imaging.reading import read_volume
from pulmo.imaging.statistics import BANDS_HU, PERCENTILES, lung_statistics
from pulmo.imaging.volume import Volume
from pulmo.pipeline.disk import writable_folder, writing_to
from pulmo.report.scan import draw_histogram, draw_montage, write_lung_surfaces
from pulmo.storage import forget_listings

_BANDS = {
    "emphysema": "Emphysema",
    "normal": "Normally aerated",
    "ground_glass_reticular": "Ground glass, reticular",
    "consolidated": "Consolidated",
    "high_attenuation": "High attenuation area",
}
_COLUMN = 46


class Exports(NamedTuple):
    """Files to write: the mask of the lungs, and the scan; None for neither."""

    mask: Path | None
    volume: Path | None


def scan_folder(folder: Path, out: Path | None, exports: Exports, as_json: bool) -> None:
    """Print the measurements of a series, draw it, and write the files asked for.

    A series without lungs is drawn and its geometry printed; the exit code is 1.

    Raises:
        ScanError: there is no such folder, or no series of CT in it that can be read; with the remedy.
        CommandLineError: the name of an export has an unknown ending, or is that of both.
    """
    forget_listings()
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "there is no such folder"
        raise ScanError(Fault(str(folder), what, "Name the folder of one CT series"))
    if exports.mask is not None and exports.mask == exports.volume:
        what = "names the same file for the mask and the scan"
        raise CommandLineError(Fault(f"--mask and --volume {exports.mask}", what, "Name two files"))
    for option, path in exports._asdict().items():
        if path is not None:
            check_name(path, f"--{option}")
    drawn = out or Path("work") / "scan" / folder.resolve().name
    writable_folder(drawn)
    volume = read_volume(folder)
    if exports.volume is not None:
        _export(volume, None, exports.volume)
    try:
        mask = segment_lungs(volume)
    except ScanError as error:
        montage = _draw_montage(volume, None, drawn)
        _show({**_geometry(volume), **_written([montage], exports._replace(mask=None)), **_faults(error)}, as_json)
        raise SystemExit(USER_AT_FAULT) from error
    if exports.mask is not None:
        _export(volume, mask.labels, exports.mask)
    figures = _draw(volume, mask, drawn)
    _show({**_facts(volume, mask), **_written(figures, exports)}, as_json)


def _export(volume: Volume, labels: np.ndarray | None, path: Path) -> None:
    for note in export(volume, labels, path):
        log(f"{path}: {note}")


def _geometry(volume: Volume) -> dict[str, Any]:
    return {
        "slices": len(volume.hu),
        "shape": list(volume.hu.shape),
        "spacing_mm": list(volume.spacing_mm),
        "thickness_mm": volume.thickness_mm,
        "repairs": list(volume.repairs),
    }


def _facts(volume: Volume, mask: LungMask) -> dict[str, Any]:
    geometry = _geometry(volume)
    named_elsewhere = {*geometry, "spacing_z_mm", "spacing_y_mm", "spacing_x_mm", "quality"}
    statistics = {name: value for name, value in lung_statistics(volume, mask).items() if name not in named_elsewhere}
    return {
        **statistics,
        **geometry,
        "quality": {"verdict": mask.quality.verdict, "reasons": list(mask.quality.reasons)},
        "cautions": list(cautions(volume, mask)),
    }


def _written(figures: list[Path], exports: Exports) -> dict[str, Any]:
    exported = {option: str(path) for option, path in exports._asdict().items() if path is not None}
    return {"figures": [str(path) for path in figures], **exported}


def _faults(error: ScanError) -> dict[str, Any]:
    return {"faults": [asdict(fault) for fault in error.faults]}


def _draw_montage(volume: Volume, mask: LungMask | None, folder: Path) -> Path:
    log(f"Drawing into {folder} …")
    path = folder / "montage.png"
    with writing_to(folder):
        draw_montage(volume, mask, path)
    return path


def _draw(volume: Volume, mask: LungMask, folder: Path) -> list[Path]:
    montage = _draw_montage(volume, mask, folder)
    histogram, surface = (folder / name for name in ("histogram.png", "lungs.html"))
    with writing_to(folder):
        draw_histogram(volume, mask, histogram)
        write_lung_surfaces(volume, mask, surface)
    return [montage, histogram, surface]


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(facts)
    else:
        for name, text in _sentences(facts):
            print(f"{name:{_COLUMN}}{text}")
        print(NOT_FOR_CLINICAL_USE)
    for fault in facts.get("faults", ()):
        log(str(Fault(**fault)))


def _sentences(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values with their units, as a reader of scans has them."""
    (_, rows, columns), (step_mm, row_mm, column_mm) = facts["shape"], facts["spacing_mm"]
    thick = f", {facts['thickness_mm']:g} mm thick" if facts["thickness_mm"] else ""
    yield "Slices", f"{facts['slices']}, {step_mm:.4g} mm apart{thick}"
    yield "Pixels", f"{rows} × {columns} of {row_mm:.4g} × {column_mm:.4g} mm"
    if "lung_litres" in facts:
        yield from _lung_sentences(facts)
    yield "Repairs", "; ".join(facts["repairs"]) or "none"
    yield from (("Caution", text) for text in facts.get("cautions", ()))
    yield from (("Figure", path) for path in facts["figures"])
    for option, name in (("mask", "Lung mask written to"), ("volume", "Scan written to")):
        if option in facts:
            yield name, facts[option]


def _lung_sentences(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    left, right = facts["lung_litres_left"], facts["lung_litres_right"]
    yield "Lung volume", f"{facts['lung_litres']:.2f} l: left {left:.2f} l, right {right:.2f} l"
    yield "Mean density", f"{_hu(facts['hu_mean'])} ± {facts['hu_sd']:.0f} HU (standard deviation)"
    yield "Skewness, excess kurtosis", f"{_signed(facts['hu_skew'], '.2f')}, {_signed(facts['hu_kurtosis'], '.2f')}"
    shown = ", ".join(f"{percent} %: {_hu(facts[f'hu_p{percent}'])}" for percent in PERCENTILES)
    yield "Density percentiles", f"{shown} HU"
    for band, name in _BANDS.items():
        low, high = BANDS_HU[band]
        limits = f"below {_hu(high)} HU" if band == "emphysema" else f"{_hu(low)} to {_hu(high)} HU"
        yield f"{name} ({limits})", f"{facts[f'share_{band}']:.1%} of lung volume"
    yield "Voxels outside the lungs per voxel inside", f"{facts['pixel_ratio']:.1f}"
    yield "Lung mask", "; ".join([facts["quality"]["verdict"], *facts["quality"]["reasons"]])


def _hu(value: float) -> str:
    return _signed(value, ".0f")


def _signed(value: float, digits: str) -> str:
    return format(value, digits).replace("-", "−")
