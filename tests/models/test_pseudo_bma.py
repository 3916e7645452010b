import numpy as np
import pytest

from pulmo.models.pseudo_bma import FOLDS, judged_by_others, shares


def test_shares_worked_out_by_hand() -> None:
    # Patient a has two rows of weights 1 and 3, b one. The first model's means: (0·1 + 4·3)/4 = 3 and 1, together 4.
    # The second's: 3 and 1 − ln 3. So it is a third as likely.
    likelihood = np.array([[0.0, 4.0, 1.0], [3.0, 3.0, 1.0 - np.log(3)]])
    share = shares(likelihood, np.array([1.0, 3.0, 7.0]), np.array(["a", "a", "b"]))
    assert share == pytest.approx([0.75, 0.25])


def test_a_patient_seen_often_counts_once() -> None:
    once = shares(np.array([[0.0, 1.0], [1.0, 0.5]]), np.ones(2), np.array(["a", "b"]))
    often = shares(np.array([[0.0] * 9 + [1.0], [1.0] * 9 + [0.5]]), np.ones(10), np.array(["a"] * 9 + ["b"]))
    assert often == pytest.approx(once)


def test_very_unlikely_models_do_not_overflow() -> None:
    assert shares(np.array([[-1e6], [-2e6]]), np.ones(1), np.array(["a"])).tolist() == [1, 0]


def test_nobody_is_judged_by_a_fit_to_the_same_group() -> None:
    group = np.array([f"patient {number % 7}" for number in range(30)])

    def judge(known: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        assert not set(group[known]) & set(group[held_out])
        assert known.sum() + held_out.sum() == 30
        return np.flatnonzero(held_out).astype(float)

    assert judged_by_others(group, judge).tolist() == list(range(30))


def test_fewer_groups_than_folds_are_enough() -> None:
    group = np.array(["a", "b"])
    assert len(group) < FOLDS
    assert judged_by_others(group, lambda known, held_out: np.full(held_out.sum(), known.sum())).tolist() == [1, 1]


def test_groups_are_dealt_into_four_folds_by_name() -> None:
    parts: list[str] = []

    def judge(known: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        parts.append("".join(group[held_out]))
        return np.zeros(held_out.sum())

    group = np.array(list("fbcdea"))
    judged_by_others(group, judge)
    assert parts == ["ea", "fb", "c", "d"]
