"""Where in a file the fault lies that keeps it from being read."""

from pathlib import Path

import pandas as pd
import pytest

from pulmo.errors import UserError
from pulmo.scoring.csv_text import read_csv_text


def fault(content: bytes, path: Path) -> str:
    path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        read_csv_text(path, strip_after_commas=False)
    (found,) = refused.value.faults
    return str(found).removeprefix(str(path))


def test_values_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,value\n007,NA\n\n"a,b"\nc, 1\n')
    for strip, expected in ((False, " 1"), (True, "1")):
        header, rows = read_csv_text(tmp_path / "a.csv", strip_after_commas=strip)
        assert header == ["id", "value"]
        assert rows.to_numpy().tolist() == [["007", "NA"], ["a,b", ""], ["c", expected]]
        assert rows.index.tolist() == [0, 1, 2]


def test_commas_at_the_end_are_counted(tmp_path: Path) -> None:
    found = fault(b"id,value\na,1,\nb,2\nc,3,\n", tmp_path / "a.csv")
    assert found.startswith(", row 2: has 3 values, the header 2: an extra comma at the end, in 2 of 3 rows. Remove it")
    found = fault(b"id,value\na,1\nb,2,5\n", tmp_path / "a.csv")
    assert found.startswith(", row 3: has 3 values, the header 2. Write numbers with a decimal point")


def test_utf_16_is_told_from_single_nul_bytes(tmp_path: Path) -> None:
    for name in ("utf-16-le", "utf-16-be", "utf-16"):
        assert "not a CSV table in UTF-8 but in UTF-16" in fault("id,value\na,1\n".encode(name), tmp_path / "a.csv")
    # Of eight bytes, a quarter is NUL: damaged, and no other encoding.
    assert fault(b"id\na\0\0b\n"[:8], tmp_path / "a.csv").startswith(", row 2: contains NUL bytes: the file is damaged")
    assert "UTF-16" in fault(b"id\na\0\0\0\n", tmp_path / "a.csv")
    # In a long file the first 64 bytes decide.
    assert fault(b"id\n" + b"a\n" * 40 + b"\0" * 90, tmp_path / "a.csv").startswith(", row 42: contains NUL bytes")


def test_the_row_of_a_byte_that_is_not_utf_8(tmp_path: Path) -> None:
    assert fault(b"id,value\na,1\n\xe9,2\n", tmp_path / "a.csv").startswith(", row 3: is not UTF-8 (byte 0xE9)")
    assert fault(b"\xe9,value\n", tmp_path / "a.csv").startswith(", row 1: is not UTF-8")


def test_the_row_in_which_a_quotation_opens(tmp_path: Path) -> None:
    assert fault(b'id,value\na,1\n"b,2\nc,3\n', tmp_path / "a.csv").startswith(", row 3: a quotation mark")


def test_other_separators_count_in_the_first_value_of_the_first_two_rows_alone(tmp_path: Path) -> None:
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        words = f": values are separated by {name}, not by commas. Save it with commas"
        assert fault(f"\n\nid{mark}value\n".encode(), tmp_path / "a.csv").startswith(f", row 1{words}")
        assert fault(f"id,value\na{mark}1\n".encode(), tmp_path / "a.csv").startswith(f", row 2{words}")
        (tmp_path / "a.csv").write_text(f"id,value\na,1{mark}2\nb{mark}c,1\n")
        assert len(read_csv_text(tmp_path / "a.csv", strip_after_commas=False).rows) == 2


def test_archives_are_told_by_their_first_bytes_and_opened_by_their_ending(tmp_path: Path) -> None:
    assert fault(b"\x1f\x8b\x08", tmp_path / "a.csv").startswith(": is not a CSV table but a gzip archive. Unpack it")
    assert "a zip archive or an Excel workbook" in fault(b"PK\x03\x04", tmp_path / "a.xlsx")
    assert "is a gzip archive that cannot be unpacked" in fault(b"\x1f\x8b\x08", tmp_path / "a.csv.GZ")
    assert "is a zip archive that cannot be unpacked" in fault(b"PK\x03\x04", tmp_path / "a.csv.ZIP")
    assert "is a gzip archive" not in fault(b"\x1f\x8b\x08", tmp_path / "a.csv.zip")


def test_what_pandas_alone_knows_is_said_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise pd.errors.ParserError("Error tokenizing data. C error: Buffer overflow caught \n")

    monkeypatch.setattr(pd, "read_csv", refused)
    said = ": is not a CSV table (Error tokenizing data. C error: Buffer overflow caught). Save it as comma-separated"
    assert fault(b"id\n1\n", tmp_path / "a.csv").startswith(said)
