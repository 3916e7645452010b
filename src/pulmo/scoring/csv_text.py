"""Reads a CSV file's header and values as text, as `pandas.read_csv` splits them, or reports why it cannot be read.

Files that pandas would misread are faults: other separators, a comma at the end of each row (which makes pandas take
the first column as index), another encoding, rows with more values than the header.
"""

import gzip
import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pulmo.errors import Fault, UserError

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_COMMAS = "Save it with commas between values and decimal points, as pandas' to_csv(path, index=False) does"
_START = 1 << 16  # bytes that contain the first two rows
_UTF_8 = 'Save it as UTF-8 (in Excel: "CSV UTF-8")'
_TOO_LONG = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
_UNCLOSED = re.compile(r"EOF inside string starting at row (\d+)")


class CsvText(NamedTuple):
    """A file's values as text.

    Attributes:
        header: the names of the columns.
        rows: columns of text, numbered from 0; missing values at a row's end are "".
    """

    header: list[str]
    rows: pd.DataFrame


def read_csv_text(path: Path, strip_after_commas: bool) -> CsvText:
    """Read a comma-separated file in UTF-8, with or without BOM, with any line ends; empty lines are skipped.

    Args:
        path: of the file; `.gz`, and `.zip` with one file in it, are decompressed, as by pandas.
        strip_after_commas: remove spaces after commas, as `skipinitialspace` of pandas.

    Raises:
        UserError: the file is missing, or is not such a table; the fault names its kind.
    """
    content = _unpacked(path, _bytes_of(path))
    _check_encoding(path, content)
    _check_separator(path, content)
    try:
        values = pd.read_csv(
            io.BytesIO(content), header=None, dtype=str, na_filter=False, skipinitialspace=strip_after_commas
        )
    except pd.errors.EmptyDataError:
        raise UserError(Fault(str(path), "is not a CSV table: it is empty", "Write or download it again")) from None
    except pd.errors.ParserError as error:
        raise UserError(_of_rows(path, content, str(error))) from None
    return CsvText(values.iloc[0].tolist(), values.iloc[1:].reset_index(drop=True))


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(Fault(str(path), "no such file", "Check the path")) from None
    except IsADirectoryError:
        raise UserError(Fault(str(path), "is a folder", "Give the CSV file in it")) from None


def _unpacked(path: Path, content: bytes) -> bytes:
    packed = "gzip" if content.startswith(b"\x1f\x8b") else "zip" if content.startswith(b"PK\x03\x04") else None
    if packed is None:
        return content
    try:
        if packed == "gzip" and path.suffix.lower() == ".gz":
            return gzip.decompress(content)
        if packed == "zip" and path.suffix.lower() == ".zip":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                (name,) = archive.namelist()
                return archive.read(name)
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        what = f"is a {packed} archive that cannot be unpacked into one table ({error})"
        raise UserError(Fault(str(path), what, "Unpack it, or download it again")) from None
    kind = "a gzip archive" if packed == "gzip" else "a zip archive or an Excel workbook"
    raise UserError(Fault(str(path), f"is not a CSV table but {kind}", "Unpack it, or save it as CSV"))


def _check_encoding(path: Path, content: bytes) -> None:
    start = content[:64]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or start.count(b"\0") > len(start) // 4:
        raise UserError(Fault(str(path), "is not a CSV table in UTF-8 but in UTF-16", _UTF_8))
    if b"\0" in content:
        row = _row_at(content, content.index(b"\0"))
        raise UserError(
            Fault(f"{path}, row {row}", "contains NUL bytes: the file is damaged", "Write or download it again")
        )
    try:
        content.decode()
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 (byte 0x{content[error.start]:02X}); it may be Windows-1252 or Latin-1"
        raise UserError(Fault(f"{path}, row {_row_at(content, error.start)}", what, _UTF_8)) from None


def _row_at(content: bytes, place: int) -> int:
    return len(content[: place + 1].splitlines())


def _of_rows(path: Path, content: bytes, message: str) -> Fault:
    """The fault behind pandas' parser error."""
    if found := _TOO_LONG.search(message):
        expected, row, saw = map(int, found.groups())
        return _too_long(path, content.splitlines(), row, (saw, expected))
    if found := _UNCLOSED.search(message):
        where = f"{path}, row {int(found[1]) + 1}"
        return Fault(where, 'a quotation mark (") is not closed', "Close it, or remove it")
    return Fault(str(path), f"is not a CSV table ({message.strip()})", "Save it as comma-separated UTF-8")


def _too_long(path: Path, lines: list[bytes], row: int, counts: tuple[int, int]) -> Fault:
    where, what = f"{path}, row {row}", "has {} values, the header {}".format(*counts)
    if 0 < row <= len(lines) and lines[row - 1].rstrip().endswith(b","):
        ending = sum(line.rstrip().endswith(b",") for line in lines[1:])
        what += f": an extra comma at the end, in {ending} of {len(lines) - 1} rows"
        return Fault(where, what, "Remove it: pandas would read the first column as an index and shift the others")
    remedy = 'Write numbers with a decimal point, and text with commas in quotation marks (")'
    return Fault(where, what, remedy)


def _check_separator(path: Path, content: bytes) -> None:
    """Raises UserError for another separator in the first value of the first two rows."""
    rows = [row for row in content[:_START].splitlines() if row.strip()][:2]
    for number, row in enumerate(rows, 1):
        first = row.decode(errors="replace").partition(",")[0]
        found = next((name for mark, name in _SEPARATORS.items() if mark in first), None)
        if found:
            raise UserError(Fault(f"{path}, row {number}", f"values are separated by {found}, not by commas", _COMMAS))
