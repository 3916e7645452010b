from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.errors import UserError
from pulmo.scoring.probabilities import probability_table, read_labels, to_labels, to_probabilities

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


def test_0_and_1_are_probabilities_and_beyond_them_each_cell_is_named() -> None:
    table = pd.DataFrame({"nodule": ["0", "1", "1.0001"], "effusion": [0.0, 1.0, -0.0001]})
    values, faults = to_probabilities(table, COLUMNS)
    assert values.tolist() == [[0, 0], [1, 1], [1.0001, -0.0001]]
    assert list(map(str, faults)) == [
        "submission, row 4, nodule: '1.0001' is no probability. Give a number from 0 to 1.",
        "submission, row 4, effusion: '-0.0001' is no probability. Give a number from 0 to 1.",
    ]


def test_an_empty_label_is_no_number_and_named_once() -> None:
    values, faults = to_labels(pd.DataFrame({"nodule": ["", "1", "0"]}), ["nodule"], "train.csv")
    assert list(map(str, faults)) == ["train.csv, row 2, nodule: '' is empty. Write a plain number, such as 1234.5."]
    assert values[1:].tolist() == [[1], [0]]
