import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.errors import ParticipantVisibleError, UserError
from pulmo.scoring.tables import name_of, notes_of, place, read_submission, read_table, require_columns, to_numbers


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
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"id,value\na,1,5\nb,2\n", "row 2: has 3 values, the header 2. Write numbers with a decimal point"),
        (b"id,value\na,1\nb,0,5\n", "row 3: has 3 values, the header 2. Write numbers with a decimal point"),
        (b"id,value\na,1,\n\nb,2,\n", "row 2: has 3 values, the header 2: an extra comma at the end"),
        (b"id;value\na;0,5\n", "values are separated by semicolons, not by commas"),
        (b"id\tvalue\na\t1\n", "values are separated by tabs"),
        (b"id|value\na|1\n", "values are separated by vertical bars"),
        (b"id,value\na;1\n", "row 2: values are separated by semicolons"),
        (b"id,value\na;0,5\n", "row 2: values are separated by semicolons"),
        ("id,value\na,1\n".encode("utf-16"), "in UTF-16"),
        ("id,value\na,1\n".encode("utf-16-le"), "in UTF-16"),
        (b"id,value\na,1\nb,\0\0\n", "row 3: contains NUL bytes"),
        (b"id,value\na,1\n\xe9,2\n", "row 3: is not UTF-8 (byte 0xE9)"),
        (b'id,value\na,1\nb,"2\nc,3\n', 'row 3: a quotation mark (") is not closed'),
        (b"PK\x03\x04\x14\0", "a zip archive or an Excel workbook"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (b"id,Value\na,1\n", "no column 'value' (did you mean 'Value'?)"),
        (b"id,VALUE\na,1\n", "no column 'value' (did you mean 'VALUE'?)"),
        (b"id,value,value\na,1,2\n", "row 1: has column 'value' twice"),
        (b"a,1\nb,2\n", "row 1: has no header: its first row is 'a,1'. Write id,value above it"),
    ],
)
@pytest.mark.parametrize("read", [read_table, read_submission])
def test_other_files_are_recognized(
    read: Callable[[Path, list[str]], pd.DataFrame], content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read(path, ["id", "value"])
    assert words in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id, value\na,1\n", "column ' value' has spaces around its name"),
        (b",id,value\n0,a,1\n", "column 1 has no name"),
        (b"Unnamed: 0,id,value\n0,a,1\n", "column 1 has no name ('Unnamed: 0')"),
        (b"id,value,\na,1,\n", "column 3 has no name"),
        (b"\xef\xbb\xbf\xef\xbb\xbfid,value\na,1\n", "contains a byte order mark"),
        (b"id,value\xc2\xa0\na,1\n", "contains a no-break space"),
    ],
)
def test_a_header_that_pandas_misreads_is_a_fault_of_submissions_only(
    content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(ParticipantVisibleError) as error:
        read_submission(path, ["id", "value"])
    assert words in str(error.value)


def test_ids_of_a_submission_are_not_corrected(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("id,value\n a, 1\nb\u00a0,2 \n".encode())
    table = read_submission(path, ["id", "value"])
    assert table.to_numpy().tolist() == [[" a", "1"], ["b\u00a0", "2"]]
    assert notes_of(table) == [f"{path}: spaces around values are ignored"]
    assert read_table(path, ["id"])["id"].tolist() == ["a", "b"]


@pytest.mark.parametrize("read", [read_table, read_submission])
def test_empty_and_compressed_tables(read: Callable[[Path, list[str]], pd.DataFrame], tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("id,value\n")
    assert read(tmp_path / "none.csv", ["id", "value"]).shape == (0, 2)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"id,value\na,1\n"))
    with zipfile.ZipFile(tmp_path / "a.csv.zip", "w") as archive:
        archive.writestr("a.csv", "id,value\na,1\n")
    for name in ("a.csv.gz", "a.csv.zip"):
        assert read(tmp_path / name, ["id", "value"]).to_numpy().tolist() == [["a", "1"]]
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"id,value\na,1\n")[:-9])
    with pytest.raises(UserError, match="cannot be unpacked"):
        read(tmp_path / "cut.csv.gz", ["id"])


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_table(tmp_path / "none.csv", [])
    with pytest.raises(UserError, match="is a folder"):
        read_table(tmp_path, [])


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("x", "is not a finite number"),
        ("", "is empty"),
        ("inf", "is not a finite number"),
        ("nan", "is not a finite number"),
        ("1e999", "is too large"),
        ("9" * 20, "is too large"),
        ("0000.00929681196249", "has too many leading zeros for pandas"),
        ("-" + "0" * 20 + ".5", "has too many leading zeros for pandas"),
        ("2488,5", "has a decimal comma"),
        (",5", "has a decimal comma"),
        ("1,234,567.5", "has a thousands separator or a decimal comma"),
        ("1_0", "has an underscore between digits"),
        ("0x1p3", "is hexadecimal"),
        ("0x1F", "is hexadecimal"),
        ("\uff11\uff10", "contains '\uff11' (fullwidth digit one)"),
        ("\u22125", "contains '\u2212' (minus sign)"),
        ("5\u00a0", "contains a no-break space"),
        ("5\t", "contains a tab"),
        ("5\u200b", "contains a zero-width space"),
        ("5\x1a", "contains the control character 0x1a"),
        ("5;6", "has a semicolon"),
        ("1 2", "is not a finite number"),
        ("5%", "is not a finite number"),
        ("1e", "is not a finite number"),
        ("--5", "is not a finite number"),
        (".", "is not a finite number"),
    ],
)
def test_invalid_numbers_are_named_by_row(word: str, reason: str) -> None:
    values, faults = to_numbers(pd.DataFrame({"value": ["1", word, "-2.5e3"]}), "value", "table.csv")
    np.testing.assert_array_equal(values, [1, np.nan, -2500])
    wanted = f"table.csv, row 3, value: {word!r} {reason}. Write a plain number, such as 1234.5."
    assert list(map(str, faults)) == [wanted]


def test_plain_numbers_are_read_as_pandas_reads_them() -> None:
    words = ["1", "-2", "+3", "4.", ".5", "-.5", "6e2", "7E+2", "8e-2", "007", " 9 ", "1234.5678", "-0"]
    values, faults = to_numbers(pd.DataFrame({"value": words}), "value", "table.csv")
    assert not faults
    assert values.tolist() == [1, -2, 3, 4, 0.5, -0.5, 600, 700, 0.08, 7, 9, 1234.5678, 0]
    assert pd.to_numeric(pd.Series(words)).tolist() == values.tolist()


@pytest.mark.parametrize("dtype", ["int64", "float32", "Int64", "float64"])
def test_columns_of_numbers_stay_numbers(dtype: str) -> None:
    table = pd.DataFrame({"value": pd.Series([1, 2], dtype=dtype)})
    values, faults = to_numbers(table, "value", "table.csv")
    assert (values.tolist(), faults) == ([1.0, 2.0], [])
    values[0] = 9
    assert table["value"].tolist() == [1, 2]


def test_a_table_remembers_its_file_and_what_was_corrected(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id,value\na,1\n")
    table = read_table(path, ["id"])
    assert (name_of(table, "submission"), notes_of(table)) == (str(path), [])
    assert name_of(pd.DataFrame(), "submission") == "submission"
    assert notes_of(pd.DataFrame()) == []
    for content in ("id ,value\na,1\n", "id,value\na,1 \n"):  # spaces in the header alone, in a cell alone
        path.write_text(content)
        assert notes_of(read_table(path, ["id"])) == [f"{path}: spaces around values are ignored"]
    notes_of(table).append("another")
    assert notes_of(table) == []


@pytest.mark.parametrize("read", [read_table, read_submission])
def test_other_names_of_columns(read: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("uid,value\n a,1\n")
    table = read(path, ["id", "value"], {"uid": "id", "number": "value"})
    assert list(table) == ["id", "value"]
    assert f"{path}: column 'uid' is read as 'id'" in notes_of(table)
    # The ids of a submission stay as they are, under either name.
    assert table["id"].tolist() == [" a" if read is read_submission else "a"]
    path.write_text("uid,id,value\nb,a,1\n")
    table = read(path, ["id", "value"], {"uid": "id"})
    assert (table["id"].tolist(), table["uid"].tolist(), notes_of(table)) == (["a"], ["b"], [])


def test_rows_are_counted_as_a_spreadsheet_counts() -> None:
    assert place("table.csv", 0, "id") == "table.csv, row 2, id"


@pytest.mark.parametrize(
    ("content", "has_header"),
    [
        ("a,1\nb,2\n", False),
        ("ID,1\nb,2\n", True),  # one of the names, in capitals
        ("a,b\nb,2\n", True),  # no number
        ("a,1,2\nb,2,3\n", True),  # as many columns as no submission has
    ],
)
def test_a_first_row_that_looks_like_data(content: str, has_header: bool, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(content)
    with pytest.raises(UserError) as refused:
        read_table(tmp_path / "table.csv", ["id", "value"])
    assert ("has no header" in str(refused.value)) is not has_header


def test_unnamed_columns_of_kaggle_s_files_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(",id,\n0,a,x\n")
    assert list(read_table(tmp_path / "table.csv", ["id"])) == ["Unnamed: 0", "id", "Unnamed: 2"]


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    faults = require_columns(pd.DataFrame(columns=["id", "FVC"]), ["id", "fvc", "Confidence"], "mine.csv")
    assert list(map(str, faults)) == [
        "mine.csv: has no column 'fvc' (did you mean 'FVC'?). Name the columns as Kaggle does (found: id, FVC).",
        "mine.csv: has no column 'Confidence'. Name the columns as Kaggle does (found: id, FVC).",
    ]
