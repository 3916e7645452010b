"""Image files by the ids that name them, at any depth below a folder, matched with the rows of a table."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pulmo.errors import Fault, UserError
from pulmo.files import files_below
from pulmo.pipeline.stage import Stage
from pulmo.printable import printable
from pulmo.radiographs.reading import DICOM
from pulmo.scoring.ids import difference
from pulmo.scoring.sample import read_sample_ids

_MACOS_NOTES = "._"
_NAMED = 3


class ImageFolder(NamedTuple):
    """Where images lie: `path`, and the `suffixes` of their files, in lower case (capitals count too)."""

    path: Path
    suffixes: tuple[str, ...] = DICOM


def image_files(folder: ImageFolder) -> dict[str, Path]:
    """The file of each image by its id, ids in order; flat or in folders of study and series, links followed.

    Raises:
        UserError: an image is there twice. The folder need not exist.
    """
    files: dict[str, Path] = {}
    faults = []
    for path in _images(files_below(folder.path), folder.suffixes):
        if path.stem in files:
            faults.append(Fault(str(path), f"is there again as {files[path.stem]}", "Remove one of them"))
        files[path.stem] = path
    if faults:
        raise UserError(faults)
    return dict(sorted(files.items()))


def find_images(ids: Iterable[str], folder: ImageFolder) -> dict[str, Path]:
    """The file of each of these images that has one, in their order. Raises UserError as `image_files` does."""
    there = image_files(folder)
    return {image: there[image] for image in ids if image in there}


def no_image(folder: ImageFolder, wanted: Iterable[str], table: Path) -> Fault:
    """Why no image of those wanted (ids of `table`) is found in a folder: where it was looked for, what is there."""
    ids, where, remedy = list(wanted), str(folder.path), "Put Kaggle's images there; --data names the folder above"
    kind = " or ".join(folder.suffixes)
    if not folder.path.is_dir():
        return Fault(where, "there is no such folder: images are looked for there", remedy)
    there = files_below(folder.path)
    names = [path.stem for path in _images(there, folder.suffixes)]
    if not names or not ids:
        others = (
            f", but {len(there):,} other files, such as {printable(there[0].relative_to(folder.path))}" if there else ""
        )
        return Fault(where, f"holds no {kind} file, at any depth{others}", remedy)
    what = f"none of its {len(ids):,} ids is the name of one of the {len(names):,} {kind} files in {where}"
    if different := difference(ids, names):
        return Fault(str(table), f"{what}: they {different.what}", different.remedy)
    alike = f"they are like {ids[0]!r}, the files like {names[0]!r}"
    return Fault(str(table), f"{what}: {alike}", "Use the table and the images of the same download")


def files_of_table(stage: Stage, ids: pd.Series, folder: ImageFolder, table: Path) -> dict[str, Path]:
    """The file of each image of a table that has one, in the table's order; rows and files without a partner are noted.

    Args:
        stage: takes the notes.
        ids: of the images, each once.
        folder: where their files lie.
        table: the file that the ids are from.

    Raises:
        UserError: no image has a file, or one has two.
    """
    there = image_files(folder)
    files = {image: there[image] for image in ids if image in there}
    if not files:
        raise UserError(no_image(folder, ids, table))
    for names, what in (
        (ids[~ids.isin(there)].to_list(), f"images of {table.name} without a file in {folder.path.name}"),
        (sorted(set(there) - set(ids)), f"files in {folder.path.name} without a row in {table.name}"),
    ):
        if names:
            stage.note(f"{what}: {len(names)}, left out, such as {names[0]}")
    return files


def requested_images(
    stage: Stage, sample: Path, row_id: str, folder: ImageFolder, column_aliases: Mapping[str, str] | None = None
) -> tuple[list[str], dict[str, Path]]:
    """The test images of Kaggle's sample submission; without that file, all in the folder. Missing files are noted.

    Returns:
        Ids in the sample's order, and the files of those that have one.

    Raises:
        UserError: the sample has faults, or none of its images has a file.
    """
    there = image_files(folder)
    if sample.is_file():
        ids = read_sample_ids(sample, row_id, column_aliases)
    else:
        stage.note(f"There is no {sample}: every image in {folder.path.name} is predicted")
        ids = list(there)
    files = {image: there[image] for image in ids if image in there}
    if not files:
        raise UserError(no_image(folder, ids, sample))
    if missing := [image for image in ids if image not in files]:
        names = ", ".join(missing[:_NAMED]) + (" …" if len(missing) > _NAMED else "")
        stage.note(
            f"{len(missing)} of {len(ids)} test images have no file in {folder.path.name} and are submitted without a "
            f"finding: {names}"
        )
    return ids, files


def first_existing(folder: Path, names: Collection[str]) -> Path:
    """The first of several files or folders that exists in `folder`; where none does, the path of the first."""
    paths = [folder / name for name in names]
    return next((path for path in paths if path.exists()), paths[0])


def _images(files: Iterable[Path], suffixes: Collection[str]) -> list[Path]:
    return [path for path in files if path.suffix.lower() in suffixes and not path.name.startswith(_MACOS_NOTES)]
