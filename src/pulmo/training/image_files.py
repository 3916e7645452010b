"""X-ray files by the ids that name them, at any depth below a folder; and why none is found."""

from collections.abc import Iterable
from pathlib import Path

from pulmo.errors import Fault, UserError
from pulmo.files import files_below, printable
from pulmo.scoring.ids import difference

ENDING = ".dcm"  # in capitals, too
_MACOS_NOTES = "._"


def image_files(folder: Path) -> dict[str, Path]:
    """The DICOM file of each image by its id, ids in order; flat or in folders of study and series, links followed.

    Raises:
        UserError: an image is there twice. The folder need not exist.
    """
    files: dict[str, Path] = {}
    faults = []
    for path in _images(files_below(folder)):
        if path.stem in files:
            faults.append(Fault(str(path), f"is there again as {files[path.stem]}", "Remove one of them"))
        files[path.stem] = path
    if faults:
        raise UserError(faults)
    return dict(sorted(files.items()))


def no_image(folder: Path, wanted: Iterable[str], table: Path) -> Fault:
    """Why no image of those wanted (ids of `table`) is found in a folder: where it was looked for, what is there."""
    ids, where, remedy = list(wanted), str(folder), "Put Kaggle's images there; --data names the folder above"
    if not folder.is_dir():
        return Fault(where, "there is no such folder: images are looked for there", remedy)
    there = files_below(folder)
    names = [path.stem for path in _images(there)]
    if not names or not ids:
        others = f", but {len(there):,} other files, such as {printable(there[0].relative_to(folder))}" if there else ""
        return Fault(where, f"holds no {ENDING} file, at any depth{others}", remedy)
    what = f"none of its {len(ids):,} ids is the name of one of the {len(names):,} {ENDING} files in {folder}"
    if different := difference(ids, names):
        return Fault(str(table), f"{what}: they {different.what}", different.remedy)
    alike = f"they are like {ids[0]!r}, the files like {names[0]!r}"
    return Fault(str(table), f"{what}: {alike}", "Use the table and the images of the same download")


def _images(files: Iterable[Path]) -> list[Path]:
    return [path for path in files if path.suffix.lower() == ENDING and not path.name.startswith(_MACOS_NOTES)]
