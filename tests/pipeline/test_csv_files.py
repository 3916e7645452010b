"""Tables are written as Kaggle writes them."""

from pathlib import Path

import pandas as pd

from pulmo.pipeline.csv_files import write_tables


def test_bytes_of_tables_in_folders_that_are_made(tmp_path: Path) -> None:
    tables = {
        tmp_path / "new/folder/a.csv": pd.DataFrame({"id": ["x", "y"], "value": [1, 2]}, index=[5, 6]),
        tmp_path / "new/b.csv": pd.DataFrame({"EncodedPixels": [None, "1 2"]}),
    }
    write_tables(tables)
    write_tables(tables)  # the folders are there
    assert (tmp_path / "new/folder/a.csv").read_bytes() == b"id,value\nx,1\ny,2\n"
    assert (tmp_path / "new/b.csv").read_bytes() == b'EncodedPixels\n""\n1 2\n'
