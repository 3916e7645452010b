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
