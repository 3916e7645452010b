"""CSV files as people really save them → tables whose faults can be named.

Kaggle's own files and true answers are read leniently: what is clear is put right and noted. A submission is read as
Kaggle reads it, plainly by pandas: where that would read something else than what was meant, it is a fault.

A table read here remembers the file it came from, so that a fault can say `submission.csv, row 7`; rows are counted as
a spreadsheet counts them, the header being row 1.
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
    """Read a CSV file that must have certain columns.

    Args:
        path: the file; UTF-8 with or without BOM, any line ends.
        columns: names it must have; others are kept, in the file's order.
        column_aliases: other names that some of them go by, name → column.

    Returns:
        The table as text, cell by cell as it stands in the file, without spaces around; empty cells are "". What was
        put right is among its `notes_of`.

    Raises:
        UserError: no such file, not a CSV table, or a column is missing or there twice.
    """
    header, rows = read_csv_text(path, spaces_after_commas=True)
    names = [name.strip() or f"Unnamed: {place}" for place, name in enumerate(header)]
    table = pd.DataFrame({number: rows[number].str.strip() for number in rows})
    notes = [f"{path}: spaces around cells are ignored"] if names != header or not table.equals(rows) else []
    return _checked(table.set_axis(names, axis=1), path, columns, column_aliases, notes)


def read_submission(
    path: Path, columns: Sequence[str], column_aliases: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Read a submission as pandas would.

    Args:
        path: the file; UTF-8 with or without BOM, any line ends.
        columns: the submission's columns, the id first.
        column_aliases: other names that Kaggle takes for some of them, name → column.

    Returns:
        The table as text. Ids are as they stand there; other cells are without spaces around, which is noted.

    Raises:
        ParticipantVisibleError: no such file, not a CSV table, or its header is not what Kaggle expects.
    """
    try:
        header, rows = read_csv_text(path, spaces_after_commas=False)
        faults = [fault for place, name in enumerate(header) for fault in _name_faults(str(path), place, name)]
        if faults and not _is_data(header, columns):
            raise UserError(faults)
        ids = {columns[0], *(name for name, column in (column_aliases or {}).items() if column == columns[0])}
        table = pd.DataFrame(
            {number: rows[number] if name in ids else rows[number].str.strip(" ") for number, name in enumerate(header)}
        )
        notes = [] if table.equals(rows) else [f"{path}: spaces around cells are ignored"]
        return _checked(table.set_axis(header, axis=1), path, columns, column_aliases, notes)
    except UserError as error:
        raise ParticipantVisibleError(error.faults) from None


def _name_faults(file: str, place: int, name: str) -> list[Fault]:
    """What is wrong with the name of a submission's column, `place` counted from 0."""
    if not name or name.startswith("Unnamed: "):
        return [Fault(f"{file}, row 1", f"column {place + 1} has no name ({name!r}), as an index has none", _INDEX)]
    if odd := odd_character(name):
        return [Fault(f"{file}, row 1", f"column {name!r} holds {odd}", "Write the plain name")]
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
    twice = [name for name, count in Counter(table.columns).items() if count > 1]
    if twice:
        raise UserError(Fault(f"{path}, row 1", f"names column {name!r} twice", "Keep one of them") for name in twice)
    others = {name: column for name, column in (column_aliases or {}).items() if column not in table}
    notes = notes + [f"{path}: column {name!r} is taken for {others[name]!r}" for name in others if name in table]
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
    """Whether a header is none but a row of data: none of the names is there, and numbers stand after the first."""
    known = {column.lower() for column in columns}
    words = " ".join(header[1:]).split()
    return (
        len(header) == len(columns)
        and not known & {name.strip().lower() for name in header}
        and bool(np.isfinite(parse_numbers(words)).all())
    )


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
        The float64 values, (rows,), NaN where a cell is no plain finite number (see `scoring.numbers`); and a fault for
        each such cell.
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
    instead = f"; is {close[0]!r} meant for it" if close else ""
    return Fault(
        file, f"has no column {column!r}{instead}", f"Name the columns as Kaggle does (found: {', '.join(present)})"
    )
