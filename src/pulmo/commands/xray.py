"""The lungs of chest X-rays: a mask, the area of each lung, an overlay, and whether it is a frontal chest at all."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pulmo import NOT_FOR_CLINICAL_USE
from pulmo.commands.console import USER_AT_FAULT, show_json
from pulmo.errors import Fault, ScanError
from pulmo.files import files_below
from pulmo.imaging.dicom_parser import NotDicomError
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.radiograph import Radiograph, RadiographHeader, read_radiograph
from pulmo.pipeline.disk import writable_folder, writing_to
from pulmo.pipeline.log import alert
from pulmo.printable import printable
from pulmo.radiographs.frontal import assess_frontal, is_mirrored
from pulmo.radiographs.lungs import segment_lungs
from pulmo.radiographs.reading import READERS
from pulmo.report.lung_overlay import draw_lung_overlay

MASK, OVERLAY = "_lungs.png", "_overlay.png"
ADULT_YEARS, MIN_ADULT_WIDTH_MM = 16, 160
"""No grown person's lungs are less wide, from the right side of the chest to the left."""
_DICOM_MAGIC, _DICOM_PREAMBLE = b"DICM", 128
_MACOS_NOTES = "._"


def segment_files(path: Path, out: Path | None, as_json: bool) -> None:
    """Segment the lungs in an X-ray, or in each one below a folder, and print their areas.

    A file of a folder that cannot be read is named, the others go on, and the exit code is 1.

    Raises:
        ScanError: there is no such file or folder, no image in the folder, or the one file cannot be read.
    """
    folder = out or Path("work") / "xray" / path.resolve().stem
    files = _images(path, folder)
    found: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for file, name in zip(files, _output_names(files, path), strict=True):
        try:
            facts = _segment(file, folder, name)
        except ScanError as error:
            if path.is_file():
                raise
            faults += error.faults
            alert(str(error))
            continue
        found.append(facts)
        if not as_json:
            _show(facts, one_line=len(files) > 1)
    if as_json:
        show_json({"images": found, "faults": [asdict(fault) for fault in faults]})
    elif found:
        print(NOT_FOR_CLINICAL_USE)
    if faults:
        sys.exit(USER_AT_FAULT)


def _images(path: Path, out: Path) -> list[Path]:
    """The file itself, or all below a folder that look like X-rays, sorted by path; without those made before."""
    if not path.exists():
        raise ScanError(Fault(str(path), "there is no such file or folder", "Name an X-ray, or a folder of them"))
    if path.is_file():
        return [path]
    files = [file for file in files_below(path) if not file.name.startswith(_MACOS_NOTES) and _looks_like_image(file)]
    files = _without_made(files, path, out)
    if not files:
        remedy = f"Name a folder with {', '.join(READERS)} files"
        raise ScanError(Fault(str(path), "holds no X-ray, at any depth", remedy))
    return files


def _without_made(files: Sequence[Path], path: Path, out: Path) -> list[Path]:
    """The files below `path` less the masks and overlays of others of them, beside their images or in `out`."""
    made = _made_from(file.relative_to(path) for file in files)
    out = out.resolve()

    def is_made(file: Path) -> bool:
        if not file.name.endswith((MASK, OVERLAY)):
            return False
        place = file.resolve()
        return file.relative_to(path) in made or (place.is_relative_to(out) and place.relative_to(out) in made)

    return [file for file in files if not is_made(file)]


def _made_from(places: Iterable[Path]) -> set[Path]:
    """Whatever may have been made from images at `places`, by either of the names that `_output_names` gives."""
    names = {name for place in places for name in (place.with_suffix(""), _with_suffix_in_name(place))}
    return {name.with_name(name.name + ending) for name in names for ending in (MASK, OVERLAY)}


def _looks_like_image(file: Path) -> bool:
    """By its suffix; DICOM files, which often have none, by their first bytes too."""
    if file.suffix.lower() in READERS:
        return True
    try:
        with file.open("rb") as stream:
            return stream.read(_DICOM_PREAMBLE + len(_DICOM_MAGIC))[_DICOM_PREAMBLE:] == _DICOM_MAGIC
    except OSError:
        return False


def _output_names(files: Sequence[Path], path: Path) -> list[Path]:
    """What the files made from each image are called, less their endings: as it lies below `path`, without its suffix.

    Images that differ in the suffix alone keep it, with `_` for the dot.
    """
    places = [Path(file.name) if file == path else file.relative_to(path) for file in files]
    count = Counter(place.with_suffix("") for place in places)
    return [
        place.with_suffix("") if count[place.with_suffix("")] == 1 else _with_suffix_in_name(place) for place in places
    ]


def _with_suffix_in_name(place: Path) -> Path:
    return place.with_name(place.name.replace(".", "_"))


def _read(file: Path) -> Radiograph:
    """The X-ray in a file, taken for DICOM where its suffix is not in READERS. Raises ScanError as its reader does."""
    reader = READERS.get(file.suffix.lower())
    if reader is not None:
        return reader(file)
    try:
        return read_radiograph(file)
    except ScanError as error:
        if not isinstance(error.__cause__, NotDicomError):
            raise
        remedy = f"Give an X-ray as DICOM, PNG or JPEG ({', '.join(READERS)})"
        raise ScanError(replace(fault, remedy=remedy) for fault in error.faults) from error


def _segment(file: Path, folder: Path, name: Path) -> dict[str, Any]:
    """Segment one X-ray, write its mask and overlay, and measure it. Raises ScanError as `_read` does."""
    radiograph = _read(file)
    grey, header = radiograph.grey, radiograph.header
    lungs = segment_lungs(grey, is_mirrored(header))
    reasons = assess_frontal(lungs, radiograph)
    mask, overlay = (folder / name.with_name(name.name + ending) for ending in (MASK, OVERLAY))
    writable_folder(mask.parent)
    with writing_to(mask.parent):
        Image.fromarray(lungs.labels > 0).convert("L").save(mask)
    draw_lung_overlay(grey, lungs.labels, overlay)
    pixels = {side: int((lungs.labels == label).sum()) for side, label in (("left", LEFT), ("right", RIGHT))}
    return {
        "file": printable(file),
        **_areas(pixels, radiograph),
        "rows": header.rows,
        "columns": header.columns,
        "pixel_spacing_mm": header.pixel_spacing_mm,
        "view": header.view,
        "certainty": round(lungs.certainty, 4),
        "notes": _notes(lungs.labels, header),
        "quality": {"verdict": "doubtful" if reasons else "good", "reasons": list(reasons)},
        "mask": str(mask),
        "overlay": str(overlay),
    }


def _areas(pixels: dict[str, int], radiograph: Radiograph) -> dict[str, Any]:
    """Of both lungs and each, in pixels; as a share of the image; and, where the pixel spacing is known, in cm²."""
    areas = {"": sum(pixels.values()), "_left": pixels["left"], "_right": pixels["right"]}
    spacing_mm = radiograph.header.pixel_spacing_mm
    pixel_cm2 = spacing_mm[0] * spacing_mm[1] / 100 if spacing_mm else None
    return {
        **{f"lung_pixels{side}": count for side, count in areas.items()},
        **{f"lung_cm2{side}": round(count * pixel_cm2, 2) if pixel_cm2 else None for side, count in areas.items()},
        "lung_share": round(areas[""] / radiograph.grey.size, 4),
    }


def _notes(labels: np.ndarray, header: RadiographHeader) -> list[str]:
    """Whether the areas in cm² are to be mistrusted: images that were made smaller often keep the old pixel spacing."""
    columns = np.flatnonzero(labels.any(axis=0))
    age_years = header.age_years
    is_child = age_years is not None and age_years < ADULT_YEARS
    if not columns.size or header.pixel_spacing_mm is None or is_child:
        return []
    width_mm = float(np.ptp(columns) + 1) * header.pixel_spacing_mm[1]
    if width_mm >= MIN_ADULT_WIDTH_MM:
        return []
    whom = "an adult; no age is in its header" if age_years is None else f"{age_years:.0f} years"
    return [f"by its pixel spacing the lungs are {width_mm:.0f} mm wide, too narrow for {whom}"]


def _show(facts: dict[str, Any], one_line: bool) -> None:
    quality = facts["quality"]
    verdict = "; ".join([quality["verdict"], *quality["reasons"]])
    notes = "".join(f"; note: {note}" for note in facts["notes"])
    unit, key = ("pixels", "lung_pixels") if facts["lung_cm2"] is None else ("cm²", "lung_cm2")
    both, left, right = (f"{facts[key + side]:,.0f}" for side in ("", "_left", "_right"))
    area = f"{both} {unit} of lung (left {left}, right {right}), {facts['lung_share']:.1%} of the image{notes}"
    if one_line:
        print(f"{facts['file']}: {area}; {verdict}", flush=True)
        return
    spacing_mm = facts["pixel_spacing_mm"]
    lines = {
        "image": f"{facts['rows']} × {facts['columns']} pixels" + (f", {facts['view']}" if facts["view"] else ""),
        "pixel_spacing_mm": " × ".join(f"{part:g}" for part in spacing_mm) if spacing_mm else "unknown",
        "area": area,
        "quality": verdict,
        "mask": facts["mask"],
        "overlay": facts["overlay"],
    }
    for name, value in lines.items():
        print(f"{name:30}{value}")
