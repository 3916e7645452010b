"""Tables as CSV files in Kaggle's manner."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd


def write_tables(tables: Mapping[Path, pd.DataFrame]) -> None:
    """Write each table as CSV with Unix line ends and without its index, making the folders."""
    for path, table in tables.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False, lineterminator="\n")
