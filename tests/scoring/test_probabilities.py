from pathlib import Path

import numpy as np
import pytest

from pulmo.errors import UserError
from pulmo.scoring.probabilities import probability_table, read_labels

COLUMNS = ("nodule", "effusion")


def test_labels_are_read_by_name(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("uid,effusion,other,nodule\na,1,x,0\nb,0.0,y,1\n")
    table = read_labels(tmp_path / "train.csv", "id", COLUMNS, {"uid": "id"})
    assert table.to_numpy().tolist() == [["a", 0, 1], ["b", 1, 0]]
    assert list(table) == ["id", *COLUMNS]


def test_every_fault_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("id,nodule,effusion\na,2,0\na,1,high\n")
    with pytest.raises(UserError) as refused:
        read_labels(tmp_path / "train.csv", "id", COLUMNS)
    words = str(refused.value)
    assert "row 2, nodule: '2' is neither 0 nor 1" in words
    assert "row 3, effusion: 'high'" in words
    assert "row 3, id: 'a' is repeated" in words


def test_probabilities_keep_their_digits_and_stay_off_the_ends() -> None:
    table = probability_table(["b", "a"], np.array([[0.123456789012345, 0], [1, 0.5]]), "id", COLUMNS)
    assert table["id"].tolist() == ["b", "a"]
    assert table["nodule"].tolist() == [0.123456789012345, 1 - 1e-15]
    assert table["effusion"].tolist() == [1e-15, 0.5]
