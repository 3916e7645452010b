from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.errors import UserError
from pulmo.scoring.tables import read_table, to_numbers


@pytest.mark.parametrize(
    "content",
    [
        b"id,value\na,1\nb,2\n",
        b"\xef\xbb\xbfid,value\r\na,1\r\nb,2\r\n",
        b"id, value \na, 1\n b,2 \n",
        b"id,value\na,1\n\nb,2",
        b"value,id\n1,a\n2,b\n",
    ],
    ids=["plain", "BOM and CRLF", "spaces", "blank line, no end", "other order"],
)
def test_files_as_people_save_them(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    table = read_table(path, ["id", "value"])
    assert table["id"].tolist() == ["a", "b"]
    assert table["value"].tolist() == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a CSV table"),
        (b"id,value\na,1,5\nb,2\n", "not a CSV table"),
        (b"id,value\na,1,5\nb,2,5\n", "not a CSV table"),
        (b"\xff\xfe\x00", "not a CSV table"),
        (b"id,Value\na,1\n", r"no column 'value'; is 'Value' meant for it"),
    ],
    ids=["empty", "a cell too many", "a cell too many in each row", "UTF-16", "missing column"],
)
def test_what_is_no_such_table_is_said(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        read_table(path, ["id", "value"])
    assert str(path) in str(error.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_table(tmp_path / "none.csv", [])
    with pytest.raises(UserError, match="is a folder"):
        read_table(tmp_path, [])


def test_what_is_no_number_is_named_by_row() -> None:
    table = pd.DataFrame({"value": ["1", "x", "", "inf", "-2.5e3"]})
    values, faults = to_numbers(table, "value", "table.csv")
    np.testing.assert_array_equal(values, [1, np.nan, np.nan, np.nan, -2500])
    assert [str(fault) for fault in faults] == [
        "table.csv, row 3, value: 'x' is not a finite number. Write a number.",
        "table.csv, row 4, value: '' is not a finite number. Write a number.",
        "table.csv, row 5, value: 'inf' is not a finite number. Write a number.",
    ]
