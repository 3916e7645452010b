"""The bytes of a CSV file → its header and cells as text, as `pandas.read_csv` parts them; or why they cannot be read.

What pandas would read in another way than the person who wrote the file meant is a fault here: other separators, a
comma at the end of each row (of which pandas makes an index), another encoding, rows of more cells than the header.
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
_COMMAS = "Save it with commas between cells and points in numbers, as pandas' to_csv(path, index=False) does"
_START = 1 << 16  # bytes, in which the first two rows are
_UTF_8 = 'Save it as UTF-8 (in Excel: "CSV UTF-8")'
_TOO_LONG = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
_UNCLOSED = re.compile(r"EOF inside string starting at row (\d+)")


class CsvText(NamedTuple):
    """A file's cells as they stand there.

    Attributes:
        header: the names of the columns, the same number in each row.
        rows: a column of text a cell, numbered from 0; missing cells at a row's end are "".
    """

    header: list[str]
    rows: pd.DataFrame


def read_csv_text(path: Path, spaces_after_commas: bool) -> CsvText:
    """Read a comma-separated file in UTF-8, with or without BOM, with any line ends; empty lines are left out.

    Args:
        path: the file; one named `.gz`, or `.zip` with one file in it, is unpacked, as pandas does.
        spaces_after_commas: leave them out, quotation marks behind them included, as pandas does only if asked.

    Raises:
        UserError: there is no such file, or it is no such table; the fault says of which kind it is instead.
    """
    content = _unpacked(path, _bytes_of(path))
    _check_encoding(path, content)
    _check_separator(path, content)
    try:
        cells = pd.read_csv(
            io.BytesIO(content), header=None, dtype=str, na_filter=False, skipinitialspace=spaces_after_commas
        )
    except pd.errors.EmptyDataError:
        raise UserError(Fault(str(path), "is not a CSV table: it is empty", "Write or download it again")) from None
    except pd.errors.ParserError as error:
        raise UserError(_of_rows(path, content, str(error))) from None
    return CsvText(cells.iloc[0].tolist(), cells.iloc[1:].reset_index(drop=True))


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(Fault(str(path), "there is no such file", "Check the path")) from None
    except IsADirectoryError:
        raise UserError(Fault(str(path), "is a folder", "Name the CSV file in it")) from None


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
        what = f"is a {packed} archive that cannot be unpacked to one table ({error})"
        raise UserError(Fault(str(path), what, "Unpack it yourself, or download it again")) from None
    kind = "a gzip archive" if packed == "gzip" else "a zip archive or an Excel workbook"
    raise UserError(Fault(str(path), f"is not a CSV table but {kind}", "Unpack it, or save it as CSV"))


def _check_encoding(path: Path, content: bytes) -> None:
    start = content[:64]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or start.count(b"\0") > len(start) // 4:
        raise UserError(Fault(str(path), "is not a CSV table in UTF-8 but in UTF-16", _UTF_8))
    if b"\0" in content:
        row = _row_at(content, content.index(b"\0"))
        raise UserError(
            Fault(f"{path}, row {row}", "holds NUL bytes: the file is damaged", "Write or download it again")
        )
    try:
        content.decode()
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 (byte 0x{content[error.start]:02X}), as a file in Windows-1252 or Latin-1 is not"
        raise UserError(Fault(f"{path}, row {_row_at(content, error.start)}", what, _UTF_8)) from None


def _row_at(content: bytes, place: int) -> int:
    return len(content[: place + 1].splitlines())


def _of_rows(path: Path, content: bytes, message: str) -> Fault:
    """The fault behind what pandas says of rows that do not fit together."""
    if found := _TOO_LONG.search(message):
        expected, row, saw = map(int, found.groups())
        return _too_long(path, content.splitlines(), row, (saw, expected))
    if found := _UNCLOSED.search(message):
        where = f"{path}, row {int(found[1]) + 1}"
        return Fault(where, 'a quotation mark (") is opened and never closed', "Close it, or remove it")
    return Fault(str(path), f"is not a CSV table ({message.strip()})", "Save it as comma-separated UTF-8")


def _too_long(path: Path, lines: list[bytes], row: int, cells: tuple[int, int]) -> Fault:
    where, what = f"{path}, row {row}", "has {} cells, the header {}".format(*cells)
    if 0 < row <= len(lines) and lines[row - 1].rstrip().endswith(b","):
        ending = sum(line.rstrip().endswith(b",") for line in lines[1:])
        what += f": a comma at the end is one too many, in {ending} of {len(lines) - 1} rows"
        return Fault(where, what, "Remove it: pandas would take the first column for an index and shift the others")
    remedy = 'Write numbers with a point, not a comma, and text that has commas in quotation marks (")'
    return Fault(where, what, remedy)


def _check_separator(path: Path, content: bytes) -> None:
    """Only the first cells of the first two rows are looked at: a separator is the whole file's."""
    rows = [row for row in content[:_START].splitlines() if row.strip()][:2]
    for number, row in enumerate(rows, 1):
        first = row.decode(errors="replace").partition(",")[0]
        found = next((name for mark, name in _SEPARATORS.items() if mark in first), None)
        if found:
            raise UserError(Fault(f"{path}, row {number}", f"cells are separated by {found}, not by commas", _COMMAS))
