"""A fold whose network has learned nothing is told; folds that differ by chance are not."""

import math

import numpy as np
import pytest

from pulmo.blending.fold_scores import Ranked, far_worse, score_folds
from pulmo.scoring.classification import auc_error


def folds_of(*rows: tuple[float, float], value: str = "score", error: str = "standard_error") -> list[dict[str, float]]:
    return [{"fold": number, value: score, error: spread} for number, (score, spread) in enumerate(rows)]


def test_the_aucs_of_a_preset_that_told_one_good_number() -> None:
    (note,) = far_worse(
        folds_of((0.86, 0.06), (0.54, 0.09), (0.98, 0.02), value="auc", error="auc_error"), "mean Dice", True
    )
    assert note.startswith("Fold 1 is far worse than the others: its AUC is 0.540 ± 0.090, their median 0.860 ± 0.060.")


def test_far_is_two_standard_errors_of_the_difference() -> None:
    others = [(0.9, 0.03), (0.9, 0.03)]
    limit = 2 * 0.05  # √(0.04² + 0.03²) = 0.05
    assert not far_worse(folds_of((0.9 - limit + 1e-9, 0.04), *others), "Dice", True)
    assert len(far_worse(folds_of((0.9 - limit - 1e-9, 0.04), *others), "Dice", True)) == 1
    # Of an AUC too.
    assert not far_worse(folds_of((0.9 - limit + 1e-9, 0.04), *others, value="auc", error="auc_error"), "loss", False)
    assert far_worse(folds_of((0.9 - limit - 1e-9, 0.04), *others, value="auc", error="auc_error"), "loss", False)
    # Of a loss, more is worse.
    assert not far_worse(folds_of((0.9 + limit - 1e-9, 0.04), *others), "log loss", False)
    assert len(far_worse(folds_of((0.9 + limit + 1e-9, 0.04), *others), "log loss", False)) == 1
    # One far better than the others makes none of them far worse.
    assert not far_worse(folds_of((0.1, 0.01), *others), "log loss", False)


def test_two_failed_folds_of_five_do_not_hide_each_other() -> None:
    five = folds_of((0.9, 0.02), (0.5, 0.05), (0.92, 0.02), (0.55, 0.05), (0.88, 0.02))
    assert [note.split(" is ")[0] for note in far_worse(five, "Dice", True)] == ["Fold 1", "Fold 3"]


def test_a_fold_alone_or_of_unknown_score_is_worse_than_none() -> None:
    assert not far_worse(folds_of((0.1, 0.01)), "Dice", True)
    unknown = {"fold": 1, "score": None, "standard_error": None}
    assert not far_worse([*folds_of((0.1, 0.01)), unknown], "Dice", True)


def test_each_fold_has_its_mean_and_its_auc() -> None:
    fold = np.array([0, 0, 0, 0, 1, 1, 1])
    values = np.array([1.0, 0.0, 0.5, np.nan, 0.25, 0.75, np.nan])
    patients = np.array(["a", "b", "c", "d", "e", "e", "f"])
    ranked = Ranked(np.array([1, 0, 1, 0, 1, 1, 1]), np.array([0.9, 0.8, 0.3, 0.1, 0.5, 0.6, 0.7]))
    first, second = score_folds(values, patients, fold, ranked)
    assert (first["fold"], first["rows"], first["score"]) == (0, 3, 0.5)
    assert first["auc"] == 0.75  # of four pairs, (0.3, 0.8) is the wrong way round
    assert first["standard_error"] > 0
    assert second == {"fold": 1, "rows": 2, "score": 0.5, "standard_error": None, "auc": None, "auc_error": None}


def test_the_error_of_an_auc_by_hand() -> None:
    # A = 0.75, two of each: Q1 = 0.6, Q2 = 1.125/1.75 = 0.642857.
    variance = (0.75 * 0.25 + (0.6 - 0.5625) + (0.642857 - 0.5625)) / 4
    found = auc_error(np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.3, 0.1]))
    assert found == pytest.approx(math.sqrt(variance), abs=1e-6)
    assert math.isnan(auc_error(np.ones(3), np.ones(3)))
    assert auc_error(np.array([1, 0]), np.array([1.0, 0.0])) == 0


def test_at_two_standard_errors_exactly_a_fold_is_not_far() -> None:
    assert not far_worse(folds_of((0.5, 0.0), (0.75, 0.125)), "Dice", True)
    assert len(far_worse(folds_of((0.4, 0.0), (0.75, 0.125)), "Dice", True)) == 1  # two folds are enough


def test_the_median_of_the_others_is_the_worse_of_two_in_the_middle() -> None:
    def median(*others: float) -> str:
        (note,) = far_worse(folds_of((0.1, 0.01), *((value, 0.05) for value in others)), "Dice", True)
        return note.partition("their median ")[2][:13]

    assert median(0.9, 0.7, 0.8) == "0.800 ± 0.050"
    assert median(0.9, 0.7, 0.8, 0.6) == "0.700 ± 0.050"
    (note,) = far_worse(folds_of((2.0, 0.01), (0.9, 0.05), (0.7, 0.05)), "log loss", False)
    assert "its log loss is 2.000 ± 0.010, their median 0.900 ± 0.050" in note


def test_a_score_without_an_error_is_left_out() -> None:
    one_patient = {"fold": 2, "score": 0.1, "standard_error": None}
    assert not far_worse([*folds_of((0.9, 0.01), (0.8, 0.1)), one_patient], "Dice", True)


def test_a_fold_without_a_row_that_counts_has_no_score() -> None:
    values, fold = np.array([np.nan, 1.0, 2.0]), np.array([0, 1, 1])
    first, second = score_folds(values, np.array(["a", "b", "c"]), fold)
    assert first == {"fold": 0, "rows": 0, "score": None, "standard_error": None}
    assert (second["rows"], second["score"]) == (2, 1.5)
    assert second["standard_error"] == pytest.approx(math.sqrt(0.125), abs=0.02)  # 1, 1.5, 1.5, 2 are drawn alike
