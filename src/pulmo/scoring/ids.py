"""Compares the ids of a submission with those of a sample submission or a solution."""

import re
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.errors import Fault
from pulmo.scoring.characters import INVISIBLE, odd_word
from pulmo.scoring.tables import name_of, place

SAME_STAGE = "Check that both files are of the same stage of the same competition"
SCORE_SUBSET = f"{SAME_STAGE}; --subset scores the ids in both"
_ENDING = re.compile(r"\.(dcm|dicom|png|jpe?g|npy|npz|csv|nii|gz|zip)$", re.IGNORECASE)


class Difference(NamedTuple):
    """A systematic difference of ids: how many have it, what it is ("have the ending '.dcm'"), and the remedy."""

    ids: int
    what: str
    remedy: str


class _Variation(NamedTuple):
    """A variation in the notation of ids: what some have in addition, and a function that removes it."""

    name: str
    without: Callable[[str], str]


_VARIATIONS = (
    _Variation("whitespace around them", lambda text: text.strip(INVISIBLE + " ").strip()),
    _Variation("quotation marks around them", lambda text: text.strip("\"'")),
    _Variation("a folder in front of them", lambda text: re.split(r"[/\\]", text)[-1]),
    _Variation("the ending {ending!r}", lambda text: _ENDING.sub("", text)),
    _Variation("capital letters", str.lower),
    _Variation("'.0' at their end", lambda text: text.removesuffix(".0")),
    _Variation("zeros at their start", lambda text: text.lstrip("0")),
)


def id_faults(
    submission: pd.DataFrame, wanted: pd.DataFrame, row_id: str, remedy: str = SAME_STAGE, others: bool = False
) -> list[Fault]:
    """Faults of the ids of a submission: first the number of matches and how the others differ, then each row.

    Args:
        submission: should have the ids of `wanted`, each once.
        wanted: a sample submission or a solution; may repeat ids.
        row_id: the id column of both.
        remedy: for ids that do not correspond at all.
        others: whether the submission may have other ids, too.
    """
    apart = missing_ids(submission, wanted, row_id) + ([] if others else unknown_ids(submission, wanted, row_id))
    how_many = [_how_many_match(submission, wanted, row_id, remedy)] if apart else []
    return how_many + repeated_ids(submission, row_id) + apart


def repeated_ids(submission: pd.DataFrame, row_id: str) -> list[Fault]:
    """A fault for each row of a submission that repeats an id."""
    ids = submission[row_id].astype(str)
    file = name_of(submission, "submission")
    return [
        Fault(place(file, row, row_id), f"{ids.iloc[row]!r} is repeated", "Keep one row for each id")
        for row in np.flatnonzero(ids.duplicated())
    ]


def missing_ids(submission: pd.DataFrame, wanted: pd.DataFrame, row_id: str) -> list[Fault]:
    """A fault for each id of `wanted` (a sample submission or a solution) missing from the submission."""
    present = set(submission[row_id].astype(str))
    ids = wanted[row_id].astype(str)
    file, source = name_of(submission, "submission"), name_of(wanted, "the solution")
    return [
        Fault(file, f"has no row for {row_id} {identity!r}", f"Add a row for each id of {source}")
        for identity in ids[~ids.isin(present)].drop_duplicates()
    ]


def unknown_ids(submission: pd.DataFrame, known: pd.DataFrame, row_id: str) -> list[Fault]:
    """A fault for each row of a submission with an id that is not in `known` (a sample submission or a solution)."""
    ids = submission[row_id].astype(str)
    file, source = name_of(submission, "submission"), name_of(known, "the solution")
    return [
        Fault(place(file, row, row_id), f"{ids.iloc[row]!r} is an unknown id: not in {source}", "Remove the row")
        for row in np.flatnonzero(~ids.isin(set(known[row_id].astype(str))))
    ]


def shared_rows(solution: pd.DataFrame, submission: pd.DataFrame, row_id: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both with common ids, for `--subset`."""
    both = set(solution[row_id].astype(str)) & set(submission[row_id].astype(str))
    return solution[solution[row_id].astype(str).isin(both)], submission[submission[row_id].astype(str).isin(both)]


def difference(own: Sequence[str], other: Sequence[str]) -> Difference | None:
    """The variation that makes most ids equal to others; None if there is none."""
    found, pairs = max(((one, _pairs(one, own, other)) for one in _VARIATIONS), key=lambda found: len(found[1]))
    if not pairs:
        return None
    mine, right = pairs[0]
    verb = "have" if found.without(mine) != mine else "lack"
    name = found.name.format(ending=PurePath(mine if verb == "have" else right).suffix)
    return Difference(len(pairs), f"{verb} {name}", f"Write {right!r} for {mine!r}")


def _how_many_match(submission: pd.DataFrame, wanted: pd.DataFrame, row_id: str, remedy: str) -> Fault:
    ours, theirs = (dict.fromkeys(table[row_id].astype(str)) for table in (submission, wanted))
    file, source = name_of(submission, "submission"), name_of(wanted, "the solution")
    count = sum(identity in theirs for identity in ours)
    what = f"{count:,} of its {len(ours):,} ids are among the {len(theirs):,} of {source}"
    own, other = ([one for one in ids if one not in rest] for ids, rest in ((ours, theirs), (theirs, ours)))
    if not own or not other:
        return Fault(file, what, remedy)
    if found := difference(own, other):
        return Fault(file, f"{what}; {found.ids:,} more differ only because they {found.what}", found.remedy)
    examples = f"the others are like {own[0]!r}, those of {source} like {other[0]!r}"
    return Fault(file, f"{what}; {next(filter(None, map(odd_word, own)), examples)}", remedy)


def _pairs(variation: _Variation, own: Sequence[str], other: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of ids that are equal but for one variation."""
    known = {variation.without(identity): identity for identity in other}
    plain = ((identity, variation.without(identity)) for identity in own)
    return [(identity, known[text]) for identity, text in plain if text in known]
