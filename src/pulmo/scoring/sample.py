"""The ids of Kaggle's sample submission: the rows that a submission must have."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pulmo.errors import Fault, UserError
from pulmo.scoring.ids import repeated_ids
from pulmo.scoring.tables import read_table


def read_sample_ids(path: Path, row_id: str, column_aliases: Mapping[str, str] | None = None) -> list[str]:
    """The ids of a sample submission, in the file's order.

    Args:
        path: the file.
        row_id: its id column.
        column_aliases: other names of that column, name → column.

    Raises:
        UserError: no such file or column, an id is there twice, or there is none.
    """
    table = read_table(path, (row_id,), column_aliases)
    if faults := sample_faults(table, row_id, path):
        raise UserError(faults)
    return table[row_id].to_list()


def sample_faults(table: pd.DataFrame, row_id: str, path: Path) -> list[Fault]:
    """A fault for each repeated id of a sample submission, and one where it has no row."""
    empty = [Fault(str(path), "has no row", "Download the file again")] if table.empty else []
    return empty + repeated_ids(table, row_id)
