import numpy as np
import pytest

from pulmo.errors import UserError
from pulmo.training.folds import check_folds, folds_by_group, stratified_folds, validation_part

GROUPS = np.repeat([f"patient {number}" for number in range(23)], 4)


def test_a_group_is_in_one_fold_and_folds_are_of_equal_size() -> None:
    fold = folds_by_group(GROUPS, 5, seed=0)
    of_group = fold.reshape(23, 4)
    assert (of_group == of_group[:, :1]).all()
    assert sorted(np.bincount(of_group[:, 0])) == [4, 4, 5, 5, 5]


def test_the_order_of_rows_does_not_matter_but_the_seed_does() -> None:
    shuffled = np.random.default_rng(1).permutation(len(GROUPS))
    assert (folds_by_group(GROUPS[shuffled], 5, seed=0) == folds_by_group(GROUPS, 5, seed=0)[shuffled]).all()
    assert (folds_by_group(GROUPS, 5, seed=0) != folds_by_group(GROUPS, 5, seed=1)).any()


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="2 groups cannot fill 3 folds"):
        folds_by_group(["a", "b", "a"], 3, seed=0)


def test_every_kind_is_shared_out_to_within_one() -> None:
    groups, kinds = np.array([f"p{number}" for number in range(203)]), np.random.default_rng(0).integers(0, 6, 203)
    fold = stratified_folds(groups, kinds, 5, seed=0)
    assert np.ptp(np.bincount(fold)) <= 1
    for kind in range(6):
        counts = np.bincount(fold[kinds == kind], minlength=5)
        assert np.ptp(counts) <= 1


def test_stratified_folds_keep_groups_together_and_share_out_every_kind() -> None:
    groups = np.array([f"p{number // 2}" for number in range(120)])
    kinds = np.where(np.arange(120) // 2 < 15, 5.0, 0.0)
    fold = stratified_folds(groups, kinds, 4, seed=3)
    assert (fold[::2] == fold[1::2]).all()
    assert np.bincount(fold).tolist() == [30, 30, 30, 30]
    ill = np.bincount(fold[kinds > 0])
    assert np.ptp(ill) <= 2  # one group of two rows
    order = np.random.default_rng(0).permutation(120)
    assert (stratified_folds(groups[order], kinds[order], 4, seed=3) == fold[order]).all()
    assert (stratified_folds(groups, kinds, 4, seed=4) != fold).any()
    with pytest.raises(ValueError, match="2 groups cannot fill 3 folds"):
        stratified_folds(["a", "b"], [0, 0], 3, seed=0)


def test_a_validation_part_has_a_group_and_leaves_some() -> None:
    groups = [f"p{number // 2}" for number in range(20)]
    for share, patients in ((0.5, 5), (0.2, 2), (0.001, 1)):
        checked = validation_part(groups, share, seed=0)
        assert (checked[::2] == checked[1::2]).all()
        assert checked.sum() == 2 * patients
    assert not validation_part(groups, 0.0, seed=0).any()
    assert not validation_part(["p"] * 3, 0.5, seed=0).any()


def test_a_patient_in_two_folds_is_refused() -> None:
    groups = np.array(["a", "a", "b", "b", "c", "c", "d"])
    check_folds(groups, np.array([0, -1, 1, 1, -1, -1, 0]))
    with pytest.raises(
        UserError, match=r"the folds: patient 'b' is in folds 0 and 2 \(2 patients are split\)\. Put all"
    ):
        check_folds(groups, np.array([0, 0, 2, 0, 1, 2, 0]))


def test_as_many_groups_as_folds_fill_one_each() -> None:
    assert sorted(folds_by_group(["a", "b", "c"], 3, seed=0)) == [0, 1, 2]
    assert sorted(stratified_folds(["a", "b", "c"], [0, 1, 2], 3, seed=0)) == [0, 1, 2]


def test_a_group_is_of_the_largest_kind_of_its_rows() -> None:
    # Four patients have a finding in one image of two: each fold has two of them, and two of the other four.
    groups = np.repeat(list("abcdefgh"), 2)
    kinds = np.array([0, 1] * 4 + [0, 0] * 4)
    for seed in range(5):
        fold = stratified_folds(groups, kinds, 2, seed)[::2]
        assert np.bincount(fold[:4]).tolist() == np.bincount(fold[4:]).tolist() == [2, 2]


def test_a_validation_part_of_two_groups_is_one_of_them() -> None:
    assert validation_part(["a", "b"], 0.1, seed=0).sum() == 1
    assert validation_part([str(number) for number in range(30)], 0.3, seed=0).sum() == 10  # the nearest, a third


def test_the_only_patient_in_two_folds_is_called_so() -> None:
    with pytest.raises(UserError, match=r"patient 'a' is in folds 0 and 1 \(the only one\)"):
        check_folds(["a", "a", "b"], np.array([1, 0, 0]))
