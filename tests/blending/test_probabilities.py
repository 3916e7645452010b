import numpy as np
import pandas as pd
import pytest

from pulmo.blending.probabilities import blend_probabilities


def test_logits_of_every_column_are_averaged_by_id() -> None:
    first = pd.DataFrame({"id": ["a", "b"], "x": ["0.5", "0.2"], "y": [0.5, 0.9]})
    second = pd.DataFrame({"id": ["b", "a"], "x": ["0.2", "0.9"], "y": [0.1, 0.5]})
    found = blend_probabilities([first, second], [1, 1], "id", ["x", "y"])
    assert found["id"].tolist() == ["a", "b"]
    # The logit of 0.9 is ln 9; half of it that of 3/4. The logits of 0.9 and 0.1 cancel.
    assert found["x"].to_numpy() == pytest.approx([0.75, 0.2])
    assert found["y"].to_numpy() == pytest.approx([0.5, 0.5])
    alone = blend_probabilities([first, second], [1, 0], "id", ["y"])
    assert alone["y"].to_numpy() == pytest.approx([0.5, 0.9])


def test_certain_files_stay_finite() -> None:
    sure = pd.DataFrame({"id": ["a"], "x": [1.0]})
    assert np.isfinite(blend_probabilities([sure], [1], "id", ["x"])["x"]).all()
    assert blend_probabilities([sure], [1], "id", ["x"])["x"].iloc[0] < 1


def test_the_table_is_kaggle_s_in_the_order_of_the_first() -> None:
    first = pd.DataFrame({"id": ["b", "a"], "x": ["0", "1"]})
    found = blend_probabilities([first], [2], "id", ["x"])
    assert list(found) == ["id", "x"]
    assert found["id"].tolist() == ["b", "a"]
    assert found["x"].to_numpy() == pytest.approx([1e-15, 1 - 1e-15], rel=1e-3)
