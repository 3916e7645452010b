"""CSV files as people really save them (BOM, CRLF, spaces in the header) → tables whose faults can be named.

A table read here remembers the file it came from, so that a fault can say `submission.csv, row 7`; rows are counted as
a spreadsheet counts them, the header being row 1.
"""

import difflib
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.errors import Fault, UserError

_SPACE_AROUND_CELL = re.compile(rb", | (,|\r|\n|$)")


def read_table(path: Path, columns: Sequence[str], also_called: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read a CSV file that must have certain columns.

    Args:
        path: the file; UTF-8 with or without BOM, any line ends.
        columns: names it must have; others are kept, in the file's order.
        also_called: other names that some of them go by, name → column.

    Returns:
        The table as text, cell by cell as it stands in the file, without spaces around; empty cells are "". What was
        put right is among its `notes_of`.

    Raises:
        UserError: no such file, not a CSV table, or a column is missing.
    """
    try:
        with warnings.catch_warnings():
            # pandas only warns when every row has a cell more than the header, and drops the cells.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True, index_col=False
            )
    except FileNotFoundError:
        raise UserError(Fault(str(path), "there is no such file", "Check the path")) from None
    except IsADirectoryError:
        raise UserError(Fault(str(path), "is a folder", "Name the CSV file in it")) from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        raise UserError(Fault(str(path), f"is not a CSV table ({error})", "Save it as comma-separated UTF-8")) from None
    table = table.rename(columns=str.strip)
    others = {name: column for name, column in (also_called or {}).items() if column not in table}
    notes = [f"{path}: column {name!r} is taken for {others[name]!r}" for name in table.columns.intersection([*others])]
    table = table.rename(columns=others)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UserError(_missing_column(str(path), column, table.columns) for column in missing)
    table = pd.DataFrame({column: table[column].str.strip() for column in table})
    if _SPACE_AROUND_CELL.search(path.read_bytes()):
        notes.append(f"{path}: spaces around cells are ignored")
    table.attrs |= {"file": str(path), "notes": notes}
    return table


def notes_of(table: pd.DataFrame) -> list[str]:
    """What was put right when the table was read, in sentences."""
    return list(table.attrs.get("notes", []))


def name_of(table: pd.DataFrame, otherwise: str) -> str:
    """The file a table was read from, or `otherwise` when it was made in memory."""
    return str(table.attrs.get("file", otherwise))


def place(file: str, position: int | np.integer, column: str) -> str:
    """Where a cell stands, for a `Fault`: `position` counts the table's rows from 0."""
    return f"{file}, row {position + 2}, {column}"


def require_columns(table: pd.DataFrame, columns: Sequence[str], file: str) -> list[Fault]:
    """A fault for each of `columns` that the table does not have."""
    return [_missing_column(file, column, table.columns) for column in columns if column not in table.columns]


def to_numbers(table: pd.DataFrame, column: str, file: str) -> tuple[np.ndarray, list[Fault]]:
    """A column as numbers.

    Returns:
        The float64 values, (rows,), NaN where a cell is no finite number; and a fault for each such cell.
    """
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64, copy=True)
    bad = np.flatnonzero(~np.isfinite(values))
    faults = [
        Fault(place(file, row, column), f"{str(table[column].iloc[row])!r} is not a finite number", "Write a number")
        for row in bad
    ]
    values[bad] = np.nan
    return values, faults


def _missing_column(file: str, column: str, present: Iterable[str]) -> Fault:
    present = list(present)
    close = difflib.get_close_matches(column, present, n=1)
    instead = f"; is {close[0]!r} meant for it" if close else ""
    return Fault(
        file, f"has no column {column!r}{instead}", f"Name the columns as Kaggle does (found: {', '.join(present)})"
    )
