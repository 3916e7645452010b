"""The mean AUC of labels: its value by hand, its error by patients."""

import numpy as np
import pandas as pd
import pytest

from pulmo.blending.bootstrap import bootstrap
from pulmo.blending.fold_scores import score_folds_by
from pulmo.blending.label_scores import LabelPredictions, auc_table, mean_auc_estimate

TABLE = pd.DataFrame(
    {
        "nodule": [1, 0, 1, 0],
        "edema": [0, 0, 0, 1],
        "rare": [0, 0, 0, 0],
        "patient": ["a", "b", "c", "d"],
        "fold": [0, 0, 1, 1],
    }
)
PROBABILITY = np.array([[0.8, 0.1, 0.3], [0.4, 0.2, 0.1], [0.35, 0.5, 0.2], [0.1, 0.5, 0.9]])
PREDICTIONS = LabelPredictions.of(TABLE, PROBABILITY, ("nodule", "edema", "rare"))


def test_the_mean_over_labels_that_have_both_classes() -> None:
    estimate = mean_auc_estimate(PREDICTIONS)
    # As in tests/scoring/test_roc_auc.py: 3 of 4 pairs; of three pairs two and a tie.
    assert estimate["parts"] == pytest.approx({"nodule": 0.75, "edema": 2.5 / 3})
    assert estimate["score"] == pytest.approx((0.75 + 2.5 / 3) / 2)
    assert (estimate["images"], estimate["patients"]) == (4, 4)
    # Fold 0 has both classes of nodule alone, in the right order; fold 1 of nodule and edema: 0.35 > 0.1, and a tie.
    assert [(row["fold"], row["rows"], row["score"]) for row in estimate["folds"]] == [(0, 2, 1.0), (1, 2, 0.75)]


def test_each_label_has_its_row_and_an_error_over_patients() -> None:
    table = auc_table(PREDICTIONS).set_index("label")
    assert table["positives"].to_dict() == {"nodule": 2, "edema": 1, "rare": 0}
    assert table["auc"].to_dict() == pytest.approx({"nodule": 0.75, "edema": 2.5 / 3, "rare": np.nan}, nan_ok=True)
    assert table["low"].iloc[0] <= 0.75 <= table["high"].iloc[0]
    one_patient = auc_table(PREDICTIONS._replace(patient=np.repeat("a", 4)))
    assert one_patient["error"].iloc[0] == 0  # the same patient drawn again and again


def test_a_statistic_by_fold_is_that_of_the_fold_s_rows() -> None:
    values = np.array([1.0, 3.0, 10.0, 30.0, 50.0])
    groups, fold = np.array(["a", "b", "c", "d", "d"]), np.array([0, 0, 1, 1, 1])

    def median(rows: np.ndarray) -> float:
        return float(np.median(values[rows]))

    first, second = score_folds_by(median, groups, fold)
    assert (first["fold"], first["rows"], first["score"]) == (0, 2, 2.0)
    assert (second["fold"], second["rows"], second["score"]) == (1, 3, 30.0)
    alone = bootstrap(lambda rows: float(np.median(values[2:][rows])), groups[2:])
    assert second["standard_error"] == alone.standard_error


def test_the_columns_of_a_table_of_areas() -> None:
    # Each label's row and its interval, of patients and not of images: two patients of two images each.
    predictions = PREDICTIONS._replace(patient=np.array(["a", "a", "b", "b"]))
    table = auc_table(predictions)
    assert list(table) == ["label", "positives", "auc", "error", "low", "high"]
    # nodule: patient a alone has an AUC of 1, b alone of 1, both 0.75: drawn with 1/4, 1/4 and 1/2.
    nodule = table.iloc[0]
    assert (nodule["low"], nodule["high"]) == (0.75, 1)
    assert nodule["error"] == pytest.approx(0.125, abs=0.005)
    assert table["error"].isna().tolist() == [False, False, True]
