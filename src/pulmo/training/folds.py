"""Folds by group (the patient): all rows of a patient are in one fold.

scikit-learn's `StratifiedGroupKFold` is not used: it balances rows greedily, where here each fold has its share of the
groups of every class to within one, whatever the order of the rows.
"""

from collections.abc import Sequence

import numpy as np

from pulmo.errors import Fault, UserError


def folds_by_group(groups: Sequence[str] | np.ndarray, count: int, seed: int) -> np.ndarray:
    """Assign groups to folds of equal size (to within one), in an order that depends on the seed alone.

    Args:
        groups: the group of each row, (rows,); the order of the rows does not change a group's fold.
        count: number of folds.
        seed: another seed gives other folds.

    Returns:
        The fold of each row, (rows,) int64, from 0.

    Raises:
        ValueError: there are fewer groups than folds.
    """
    names, group_of_row = _groups(groups, count)
    return np.asarray(_assign(np.random.default_rng(seed).permutation(len(names)), count)[group_of_row])


def validation_part(groups: Sequence[str] | np.ndarray, share: float, seed: int) -> np.ndarray:
    """The rows that choose the best epoch, bool (rows,): of about that `share` of the groups, one at least; none where
    `share` is 0, or where there is one group alone and no row would be left to train on."""
    count = len(np.unique(np.asarray(groups, dtype=str)))
    if not share or count < 2:
        return np.zeros(len(groups), bool)
    return np.asarray(folds_by_group(groups, min(round(1 / share), count), seed) == 0)


def stratified_folds(
    groups: Sequence[str] | np.ndarray, kinds: Sequence[float] | np.ndarray, count: int, seed: int
) -> np.ndarray:
    """As `folds_by_group`, and each fold has its share of every kind, to within one group.

    Args:
        groups: the group of each row, (rows,).
        kinds: a number for each row, (rows,); a group is of its largest.
        count: number of folds.
        seed: another seed gives other folds.

    Raises:
        ValueError: there are fewer groups than folds.
    """
    names, group_of_row = _groups(groups, count)
    kind = np.full(len(names), -np.inf)
    np.maximum.at(kind, group_of_row, np.asarray(kinds, np.float64))
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(kind[order], kind="stable")]  # sorted by class, then assigned in turn
    return np.asarray(_assign(order, count)[group_of_row])


def check_folds(groups: Sequence[str] | np.ndarray, fold: np.ndarray) -> None:
    """Check that all rows of a group are in one fold.

    Args:
        groups: the patient of each row, (rows,).
        fold: of each row, (rows,) int; rows below 0 are in no fold.

    Raises:
        UserError: a patient's rows are in two folds.
    """
    inside = fold >= 0
    names, group_of_row = np.unique(np.asarray(groups, dtype=str)[inside], return_inverse=True)
    first, last = np.full(len(names), np.iinfo(np.int64).max), np.full(len(names), -1)
    np.minimum.at(first, group_of_row, fold[inside])
    np.maximum.at(last, group_of_row, fold[inside])
    split = np.flatnonzero(first != last)
    if len(split):
        one = split[0]
        count = f"{len(split)} patients are split" if len(split) > 1 else "the only one"
        what = f"patient {str(names[one])!r} is in folds {first[one]} and {last[one]} ({count})"
        raise UserError(Fault("the folds", what, "Put all of a patient's rows in one fold, or its score is too good"))


def _groups(groups: Sequence[str] | np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    names, group_of_row = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < count:
        raise ValueError(f"{len(names)} groups cannot fill {count} folds")
    return names, group_of_row


def _assign(order: np.ndarray, count: int) -> np.ndarray:
    """The fold of each group: groups in that order are assigned in turn."""
    fold = np.empty(len(order), np.int64)
    fold[order] = np.arange(len(order)) % count
    return fold
