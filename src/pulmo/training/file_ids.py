"""Images that are found by the name of their file, and a table's ids: where none has a file, the reason."""

from collections.abc import Sequence
from pathlib import Path

from pulmo.errors import Fault, UserError
from pulmo.files import files_below


def dicom_files(folder: Path) -> dict[str, Path]:
    """Every file at or below `folder`, links followed, whose name ends in .dcm or .DCM: path by the name without it,
    names in order. The folder need not exist.

    Raises:
        UserError: a name is there twice; both are told.
    """
    files: dict[str, Path] = {}
    faults = []
    for path in files_below(folder):
        if path.suffix.lower() != ".dcm" or path.name.startswith("._"):
            continue
        if path.stem in files:
            faults.append(Fault(str(path), f"is there again as {files[path.stem]}", "Remove one of them"))
        files[path.stem] = path
    if faults:
        raise UserError(faults)
    return dict(sorted(files.items()))


def check_same_ids(ids: Sequence[str], files: Sequence[str], table: str, folder: str) -> None:
    """Nothing, where at least one id has a file.

    Args:
        ids: of the table.
        files: ids of the files, which are their names without `.dcm`.
        table: its name.
        folder: theirs.

    Raises:
        UserError: none has; it says how the table's ids differ, or shows one of each.
    """
    if set(ids) & set(files):
        return
    if not files:
        raise UserError(Fault(folder, "holds no file that ends in .dcm", "Put Kaggle's images there"))
    folded = {name.casefold() for name in files}
    if any(id_.removesuffix(".dcm") in set(files) for id_ in ids):
        what, remedy = f"its ids end in .dcm, such as {ids[0]!r}", "Write them without .dcm, as Kaggle does"
    elif any(id_.casefold().removesuffix(".dcm") in folded for id_ in ids):
        what = f"its ids are written with other small and capital letters than the files, such as {ids[0]!r}"
        remedy = f"Write them as the files in {folder} are called, such as {files[0]!r}"
    else:
        what = (
            f"none of its {len(ids)} ids, such as {ids[0]!r}, is the name of a file in {folder}, such as {files[0]!r}"
        )
        remedy = "Use the table and the images of the same download"
    raise UserError(Fault(table, what, remedy))
