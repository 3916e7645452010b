"""X-ray files by the ids that name them, at any depth below a folder; and why none is found."""

import os
from collections.abc import Iterable
from pathlib import Path

from pulmo.errors import Fault, UserError
from pulmo.scoring.ids import difference

ENDING = ".dcm"  # in capitals, too


def image_files(folder: Path) -> dict[str, Path]:
    """The DICOM file of each image by its id, ids in order; flat or in folders of study and series.

    Raises:
        UserError: an image is there twice. The folder need not exist.
    """
    files: dict[str, Path] = {}
    faults = []
    for path in _files_below(folder):
        if path.suffix.lower() != ENDING:
            continue
        if path.stem in files:
            faults.append(Fault(str(path), f"is there again as {files[path.stem]}", "Remove one of them"))
        files[path.stem] = path
    if faults:
        raise UserError(faults)
    return dict(sorted(files.items()))


def no_image(folder: Path, wanted: Iterable[str]) -> Fault:
    """Why no image of those wanted (ids) is found in a folder: where it was looked for, and what is there instead."""
    ids = list(wanted)
    where, remedy = str(folder), "Put Kaggle's images there; --data names the folder above"
    if not folder.is_dir():
        return Fault(where, "there is no such folder: images are looked for there", remedy)
    there = _files_below(folder)
    named = [path.stem for path in there if path.suffix.lower() == ENDING]
    if named and ids:
        different = difference(ids, named)
        what = f"holds {len(named):,} {ENDING} files, none named by one of the {len(ids):,} ids that are looked for"
        if different:
            return Fault(where, f"{what}: the ids {different.what}", different.remedy)
        return Fault(where, f"{what}: they are named like {named[0]!r}, the ids are like {ids[0]!r}", remedy)
    others = f", but {len(there):,} other files, such as {there[0].relative_to(folder)}" if there else ""
    return Fault(where, f"holds no {ENDING} file, at any depth{others}", remedy)


def _files_below(folder: Path) -> list[Path]:
    return sorted(Path(place, name) for place, _, names in os.walk(folder) for name in names)
