"""Reads CSV files into tables of text, with faults that name file, row and column.

Kaggle's own files and solutions are read leniently: unambiguous deviations are corrected and noted. A submission is
read as Kaggle reads it, by plain pandas: what pandas would misread is a fault.

A table remembers the file it was read from, so that faults name `submission.csv, row 7`; rows are counted as in a
spreadsheet, the header being row 1.
"""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.errors import Fault, ParticipantVisibleError, UserError
from pulmo.scoring.characters import odd_character
from pulmo.scoring.csv_text import read_csv_text
from pulmo.scoring.numbers import explain, parse_numbers

_INDEX = "Leave the index out: to_csv(path, index=False)"


def read_table(path: Path, columns: Sequence[str], column_aliases: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read a CSV file with required columns.

    Args:
        path: of the file; UTF-8 with or without BOM, any line ends.
        columns: required names; others are kept, in the file's order.
        column_aliases: alternative names, alias → column.

    Returns:
        The table as text, stripped of spaces; empty values are "". Corrections are in its `notes_of`.

    Raises:
        UserError: no such file, not a CSV table, or a column is missing or duplicated.
    """
    header, rows = read_csv_text(path, strip_after_commas=True)
    names = [name.strip() or f"Unnamed: {place}" for place, name in enumerate(header)]
    table = pd.DataFrame({number: rows[number].str.strip() for number in rows})
    notes = [f"{path}: spaces around values are ignored"] if names != header or not table.equals(rows) else []
    return _checked(table.set_axis(names, axis=1), path, columns, column_aliases, notes)


def read_submission(
    path: Path, columns: Sequence[str], column_aliases: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Read a submission as pandas does.

    Args:
        path: of the file; UTF-8 with or without BOM, any line ends.
        columns: the submission's columns, the id first.
        column_aliases: alternative names that Kaggle accepts, alias → column.

    Returns:
        The table as text. Ids are unchanged; other values are stripped of spaces, which is noted.

    Raises:
        ParticipantVisibleError: no such file, not a CSV table, or another header than Kaggle expects.
    """
    try:
        header, rows = read_csv_text(path, strip_after_commas=False)
        faults = [fault for place, name in enumerate(header) for fault in _name_faults(str(path), place, name)]
        if faults and not _is_data(header, columns):
            raise UserError(faults)
        ids = {columns[0], *(name for name, column in (column_aliases or {}).items() if column == columns[0])}
        table = pd.DataFrame(
            {number: rows[number] if name in ids else rows[number].str.strip(" ") for number, name in enumerate(header)}
        )
        notes = [] if table.equals(rows) else [f"{path}: spaces around values are ignored"]
        return _checked(table.set_axis(header, axis=1), path, columns, column_aliases, notes)
    except UserError as error:
        raise ParticipantVisibleError(error.faults) from None


def _name_faults(file: str, place: int, name: str) -> list[Fault]:
    """Faults in the name of a submission's column; `place` counts from 0."""
    if not name or name.startswith("Unnamed: "):
        return [Fault(f"{file}, row 1", f"column {place + 1} has no name ({name!r}); it may be an index", _INDEX)]
    if odd := odd_character(name):
        return [Fault(f"{file}, row 1", f"column {name!r} contains {odd}", "Write the plain name")]
    if name != name.strip():
        return [Fault(f"{file}, row 1", f"column {name!r} has spaces around its name", "Write it without them")]
    return []


def _checked(
    table: pd.DataFrame,
    path: Path,
    columns: Sequence[str],
    column_aliases: Mapping[str, str] | None,
    notes: list[str],
) -> pd.DataFrame:
    duplicated = [name for name, count in Counter(table.columns).items() if count > 1]
    if duplicated:
        raise UserError(
            Fault(f"{path}, row 1", f"has column {name!r} twice", "Keep one of them") for name in duplicated
        )
    others = {name: column for name, column in (column_aliases or {}).items() if column not in table}
    notes = notes + [f"{path}: column {name!r} is read as {others[name]!r}" for name in others if name in table]
    table = table.rename(columns=others)
    if columns and _is_data(list(table.columns), columns):
        first = ",".join(name for name in map(str, table) if not name.startswith("Unnamed: "))
        what = f"has no header: its first row is {first!r}"
        raise UserError(Fault(f"{path}, row 1", what, f"Write {','.join(columns)} above it"))
    missing = require_columns(table, columns, str(path))
    if missing:
        raise UserError(missing)
    table.attrs |= {"file": str(path), "notes": notes}
    return table


def _is_data(header: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether the header is a row of data: it has no known name, and numbers after the first value."""
    known = {column.lower() for column in columns}
    words = " ".join(header[1:]).split()
    return (
        len(header) == len(columns)
        and not known & {name.strip().lower() for name in header}
        and bool(np.isfinite(parse_numbers(words)).all())
    )


def notes_of(table: pd.DataFrame) -> list[str]:
    """Corrections made when the table was read, in sentences."""
    return list(table.attrs.get("notes", []))


def name_of(table: pd.DataFrame, otherwise: str) -> str:
    """The file a table was read from, or `otherwise` for a table made in memory."""
    return str(table.attrs.get("file", otherwise))


def place(file: str, position: int | np.integer, column: str) -> str:
    """The location of a value, for a `Fault`; `position` counts the table's rows from 0."""
    return f"{file}, row {position + 2}, {column}"


def require_columns(table: pd.DataFrame, columns: Sequence[str], file: str) -> list[Fault]:
    """A fault for each of `columns` missing from the table."""
    return [_missing_column(file, column, table.columns) for column in columns if column not in table.columns]


def to_numbers(table: pd.DataFrame, column: str, file: str) -> tuple[np.ndarray, list[Fault]]:
    """A column as numbers.

    Returns:
        The float64 values, (rows,), NaN where a value is not a plain finite number (see `scoring.numbers`); and a fault
        for each such value.
    """
    cells = table[column]
    if pd.api.types.is_float_dtype(cells) or pd.api.types.is_integer_dtype(cells):
        values = cells.to_numpy(np.float64, na_value=np.nan, copy=True)
    else:
        values = parse_numbers(list(map(str, cells)))
    bad = np.flatnonzero(~np.isfinite(values))
    words = [str(cells.iloc[row]) for row in bad]
    faults = [
        Fault(place(file, row, column), f"{word!r} {explain(word)}", "Write a plain number, such as 1234.5")
        for row, word in zip(bad, words, strict=True)
    ]
    values[bad] = np.nan
    return values, faults


def _missing_column(file: str, column: str, present: Iterable[str]) -> Fault:
    present = list(present)
    close = difflib.get_close_matches(column, present, n=1) or [
        name for name in present if name.lower() == column.lower()
    ]
    suggestion = f" (did you mean {close[0]!r}?)" if close else ""
    return Fault(
        file, f"has no column {column!r}{suggestion}", f"Name the columns as Kaggle does (found: {', '.join(present)})"
    )
