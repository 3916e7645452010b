"""The estimate, also of images that are all positive or all negative."""

import json

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.siim.cv import score_table
from pulmo.competitions.siim.fit_ensemble import estimate_of


def held_out(area: list[int], head: list[float]) -> pd.DataFrame:
    count = len(area)
    return pd.DataFrame(
        {"patient": [f"p{n}" for n in range(count)], "area": area, "presence": head, "fold": np.arange(count) % 2}
    )


def test_scores_are_told_apart_and_by_fold() -> None:
    found = estimate_of(np.array([0.5, 1.0, 0.25, 0.0]), held_out([9, 0, 4, 0], [0.9, 0.8, 0.7, 0.1]))
    assert (found["score"], found["dice_with_pneumothorax"], found["dice_without_pneumothorax"]) == (0.4375, 0.375, 0.5)
    assert [(row["fold"], row["rows"], row["score"], row["auc"]) for row in found["folds"]] == [
        (0, 2, 0.375, None),  # both with a pneumothorax
        (1, 2, 0.5, None),
    ]


@pytest.mark.parametrize(
    ("area", "known", "unknown"),
    [
        (5, "dice_with_pneumothorax", "dice_without_pneumothorax"),
        (0, "dice_without_pneumothorax", "dice_with_pneumothorax"),
    ],
)
def test_images_of_one_kind_alone_have_an_estimate(area: int, known: str, unknown: str) -> None:
    scores, held = np.array([0.5, 1.0, 0.25, 0.0]), held_out([area] * 4, [0.1, 0.2, 0.3, 0.4])
    found = json.loads(json.dumps(estimate_of(scores, held), allow_nan=False))
    assert (found[known], found[unknown]) == (0.4375, None)
    table = score_table(pd.DataFrame({"first": scores, "second": scores}), held)
    json.dumps(table.to_dict("records"), allow_nan=False)
