"""What all metrics have in common."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import pytest

from pulmo.scoring import box_precision, dice, laplace, log_loss, roc_auc

Score = Callable[[pd.DataFrame, pd.DataFrame, str], float]

METRICS: dict[str, tuple[Score, list[str], list[str]]] = {
    "laplace": (laplace.score, ["FVC"], ["FVC", "Confidence"]),
    "log_loss": (partial(log_loss.score, column="cancer"), ["cancer"], ["cancer"]),
    "roc_auc": (partial(roc_auc.score, columns=["a", "b"]), ["a", "b"], ["a", "b"]),
    "dice": (dice.score, ["EncodedPixels"], ["EncodedPixels"]),
    "box_precision": (box_precision.score, ["x", "y", "width", "height"], ["PredictionString"]),
}


@pytest.mark.parametrize(
    ("metric", "missing"),
    [(metric, column) for metric, (_, columns, _) in METRICS.items() for column in ("id", *columns)],
)
def test_a_solution_without_a_column_is_a_value_error_that_names_it(metric: str, missing: str) -> None:
    score, columns, submitted = METRICS[metric]
    solution = pd.DataFrame({column: ["1"] for column in ("id", *columns)}).drop(columns=missing).assign(Weeks=3)
    submission = pd.DataFrame({column: ["1"] for column in ("id", *submitted)})
    found = ", ".join(map(str, solution.columns))
    with pytest.raises(ValueError, match=rf"^solution: has no column '{missing}'.*\(found: {found}\)"):
        score(solution, submission, "id")
