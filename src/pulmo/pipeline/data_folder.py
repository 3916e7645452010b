"""The folder of Kaggle's files: found, named by a fingerprint, and told apart from phantom data."""

from pathlib import Path
from typing import NamedTuple

from pulmo.competition import Competition
from pulmo.errors import Fault, UserError
from pulmo.files import files_below
from pulmo.pipeline.fingerprint import digest_value
from pulmo.storage import StorePath, forget_listings

_DIGITS = 16
_WHOLE_BUCKET = 2  # parts of a URL: nothing is beside it


class DataOrigin(NamedTuple):
    """What a run was made from: whether pulmo has drawn it, and a digest of the files' names and sizes."""

    phantom: bool
    fingerprint: str


def data_folder(competition: Competition, named: Path | None) -> Path:
    """The folder of Kaggle's files, `named` with --data or the default.

    Raises:
        UserError: there is no such folder, or it is a file.
    """
    data = named or competition.default_data
    forget_listings()
    if not data.is_dir():
        raise UserError(missing_data(competition, data))
    return data


def missing_data(competition: Competition, data: Path) -> Fault:
    """The fault of a data folder that is none."""
    if data.is_file():
        remedy = f"--data takes the folder that the file is in: --data {data.parent}"
        return Fault(str(data), "is a file, not the folder of Kaggle's files", remedy)
    remedy = f"Put Kaggle's files of {competition.kaggle_slug} there, or name their folder with --data"
    return Fault(str(data), "there is no such folder", remedy)


def phantom_mark(data: Path) -> Path:
    """The file beside a folder that says that pulmo has drawn what is in it, by which code and from which seed."""
    return data.with_name(f"{data.name}.written")


def origin_of(data: Path) -> DataOrigin:
    """What the files in a folder are; their bytes are not read, their dates do not count."""
    files = sorted((file.relative_to(data).as_posix(), file.stat().st_size) for file in files_below(data))
    return DataOrigin(_is_phantom(data), digest_value(files)[:_DIGITS])


def _is_phantom(data: Path) -> bool:
    if isinstance(data, StorePath) and len(data.parts) == _WHOLE_BUCKET:
        return False
    try:
        return phantom_mark(data).is_file()
    except UserError:  # a store may let nobody see what is beside the prefix
        return False
