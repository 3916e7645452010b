import numpy as np
import pytest

from pulmo.competitions.dsb.evaluation import Confusion, confusion, evaluate, in_words
from pulmo.competitions.dsb.fit_ensemble import calibrate, cross_calibrate
from pulmo.competitions.dsb.trained_model import Calibration


def test_all_numbers_of_four_scans_by_hand() -> None:
    label, probability = np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.2, 0.6])
    found = evaluate(label, probability, np.array(["a", "b", "c", "d"]))
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.4]).mean())
    assert found["auc"] == 0.75
    assert found["auc_low"] <= 0.75 <= found["auc_high"]
    assert (found["accuracy"], found["sensitivity"], found["specificity"]) == (0.5, 0.5, 0.5)
    cells = [found[name] for name in ("true_positive", "false_negative", "false_positive", "true_negative")]
    assert cells == [1, 1, 1, 1]
    assert "of 2 positives 1 found, of 2 negatives 1 called positive" in in_words(found)


def test_of_one_class_there_is_no_auc() -> None:
    found = evaluate(np.ones(3), np.full(3, 0.7), np.array(["a", "b", "c"]))
    assert found["auc"] is None
    assert found["specificity"] is None
    assert "AUC" not in in_words(found)


def test_patients_are_drawn_not_scans() -> None:
    label, probability = np.ones(40), np.repeat([0.9, 0.8, 0.7, 0.2], 10)  # scans of a patient are alike
    alone = evaluate(label, probability, np.arange(40).astype(str))
    together = evaluate(label, probability, np.repeat([str(n) for n in range(4)], 10))
    assert together["log_loss_error"] > alone["log_loss_error"]


def test_a_fold_s_own_labels_do_not_calibrate_it() -> None:
    rng = np.random.default_rng(0)
    fold, label = np.arange(60) % 3, rng.integers(0, 2, 60)
    logit = 2.0 * label - 1 + rng.normal(0, 1, 60)
    other = np.where(fold == 1, 1 - label, label)
    first, second = (cross_calibrate(logit, labels, fold) for labels in (label, other))
    np.testing.assert_array_equal(first[fold == 1], second[fold == 1])
    assert (first[fold == 0] != second[fold == 0]).all()


def test_the_base_rate_is_what_is_said_of_a_scan_that_cannot_be_read() -> None:
    assert calibrate(np.zeros(8), np.array([1, 0, 0, 0, 0, 0, 0, 0])).base_rate == pytest.approx(2 / 10)
    said = Calibration(2.0, np.log(0.25), 0.2).probability(np.array([np.nan, 0.0, np.log(16)]))
    assert said == pytest.approx([0.2, 0.2, 0.5])  # log 16 at temperature 2 is log 4


def test_the_four_cells_at_one_half() -> None:
    label, probability = np.array([1, 1, 1, 0, 0]), np.array([0.9, 0.5, 0.2, 0.6, 0.1])
    assert confusion(label, probability) == Confusion(2, 1, 1, 1)
    assert confusion(np.zeros(2), np.array([0.1, 0.2])) == Confusion(0, 0, 0, 2)
