"""The ids that a sample submission asks for."""

from pathlib import Path

import pytest

from pulmo.errors import UserError
from pulmo.scoring.sample import read_sample_ids


def test_ids_in_the_order_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "sample.csv").write_text("id,value\nb,0\na,0\n007,0\n")
    assert read_sample_ids(tmp_path / "sample.csv", "id") == ["b", "a", "007"]
    (tmp_path / "sample.csv").write_text("uid,value\nb,0\n")
    assert read_sample_ids(tmp_path / "sample.csv", "id", {"uid": "id"}) == ["b"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,value\nb,0\na,0\nb,0\n", "row 4, id: 'b' is repeated. Keep one row for each id."),
        ("id,value\n", "has no row. Download the file again."),
        ("Id,value\nb,0\n", "has no column 'id' (did you mean 'Id'?)"),
    ],
)
def test_a_sample_that_cannot_be_asked_for_is_refused(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "sample.csv").write_text(content)
    with pytest.raises(UserError) as refused:
        read_sample_ids(tmp_path / "sample.csv", "id")
    (fault,) = refused.value.faults
    assert words in str(fault)
