"""Which fold does a row belong to? Folds are by group (the patient), so that nobody stands on both sides."""

from collections.abc import Sequence

import numpy as np


def folds_by_group(groups: Sequence[str] | np.ndarray, count: int, seed: int) -> np.ndarray:
    """Deal groups into folds of equal size (to within one), in an order that depends on the seed alone.

    Args:
        groups: the group of each row, (rows,); the order of the rows does not change a group's fold.
        count: number of folds.
        seed: another seed, another dealing.

    Returns:
        The fold of each row, (rows,) int64, from 0.

    Raises:
        ValueError: there are fewer groups than folds.
    """
    names, group_of_row = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < count:
        raise ValueError(f"{len(names)} groups cannot fill {count} folds")
    fold_of_group = np.empty(len(names), np.int64)
    fold_of_group[np.random.default_rng(seed).permutation(len(names))] = np.arange(len(names)) % count
    return np.asarray(fold_of_group[group_of_row])


def stratified_folds(
    groups: Sequence[str] | np.ndarray, kinds: Sequence[float] | np.ndarray, count: int, seed: int
) -> np.ndarray:
    """As `folds_by_group`, and each fold has its share of every kind.

    Args:
        groups: the group of each row, (rows,).
        kinds: a number for each row, (rows,): like rows have near ones. A group is of its largest kind.
        count: number of folds.
        seed: another seed, another dealing.

    Raises:
        ValueError: there are fewer groups than folds.
    """
    names, group_of_row = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < count:
        raise ValueError(f"{len(names)} groups cannot fill {count} folds")
    kind = np.full(len(names), -np.inf)
    np.maximum.at(kind, group_of_row, np.asarray(kinds, np.float64))
    rng = np.random.default_rng(seed)
    deck = rng.permutation(len(names))
    deck = deck[np.argsort(kind[deck], kind="stable")]  # like lies beside like, and is dealt one by one
    rounds = [rng.permutation(count) for _ in range(-(-len(names) // count))]
    fold_of_group = np.empty(len(names), np.int64)
    fold_of_group[deck] = np.concatenate(rounds)[: len(names)]
    return np.asarray(fold_of_group[group_of_row])
