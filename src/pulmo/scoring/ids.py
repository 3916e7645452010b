"""Which rows belong together: the ids of a submission against those of a sample or a solution."""

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
SCORE_SUBSET = f"{SAME_STAGE}; --subset takes the ids that both have"
_ENDING = re.compile(r"\.(dcm|dicom|png|jpe?g|npy|npz|csv|nii|gz|zip)$", re.IGNORECASE)


class Difference(NamedTuple):
    """A way in which some ids differ from others: of how many that is, "have the ending '.dcm'", and the remedy."""

    ids: int
    what: str
    remedy: str


class _Variation(NamedTuple):
    """A way in which the same ids are written differently: what some of them have more, and the id without it."""

    name: str
    without: Callable[[str], str]


_VARIATIONS = (
    _Variation("white space around them", lambda text: text.strip(INVISIBLE + " ").strip()),
    _Variation("quotation marks around them", lambda text: text.strip("\"'")),
    _Variation("a folder before them", lambda text: re.split(r"[/\\]", text)[-1]),
    _Variation("the ending {ending!r}", lambda text: _ENDING.sub("", text)),
    _Variation("capital letters", str.lower),
    _Variation("'.0' at their end", lambda text: text.removesuffix(".0")),
    _Variation("zeros at their start", lambda text: text.lstrip("0")),
)


def id_faults(
    submission: pd.DataFrame, wanted: pd.DataFrame, row_id: str, remedy: str = SAME_STAGE, others: bool = False
) -> list[Fault]:
    """What is wrong with the ids of a submission: first how many match and what the others look like, then each row.

    Args:
        submission: its ids should be those of `wanted`, each once.
        wanted: a sample or a solution; it may repeat ids.
        row_id: the column of ids, of both.
        remedy: what to do where the ids are of something else altogether.
        others: whether the submission may have ids that `wanted` does not have.
    """
    apart = missing_ids(submission, wanted, row_id) + ([] if others else unknown_ids(submission, wanted, row_id))
    how_many = [_how_many_match(submission, wanted, row_id, remedy)] if apart else []
    return how_many + repeated_ids(submission, row_id) + apart


def repeated_ids(submission: pd.DataFrame, row_id: str) -> list[Fault]:
    """A fault for each row of a submission whose id has been there before."""
    ids = submission[row_id].astype(str)
    file = name_of(submission, "submission")
    return [
        Fault(place(file, row, row_id), f"{ids.iloc[row]!r} stands there again", "Keep one row for each id")
        for row in np.flatnonzero(ids.duplicated())
    ]


def missing_ids(submission: pd.DataFrame, wanted: pd.DataFrame, row_id: str) -> list[Fault]:
    """A fault for each id of `wanted` (a sample or a solution) that the submission does not have."""
    present = set(submission[row_id].astype(str))
    ids = wanted[row_id].astype(str)
    file, source = name_of(submission, "submission"), name_of(wanted, "the solution")
    return [
        Fault(file, f"has no row for {row_id} {identity!r}", f"Add a row for each id of {source}")
        for identity in ids[~ids.isin(present)].drop_duplicates()
    ]


def unknown_ids(submission: pd.DataFrame, known: pd.DataFrame, row_id: str) -> list[Fault]:
    """A fault for each row of a submission whose id `known` (a sample or a solution) does not have."""
    ids = submission[row_id].astype(str)
    file, source = name_of(submission, "submission"), name_of(known, "the solution")
    return [
        Fault(place(file, row, row_id), f"{ids.iloc[row]!r} is an unknown id: {source} lacks it", "Remove the row")
        for row in np.flatnonzero(~ids.isin(set(known[row_id].astype(str))))
    ]


def shared_rows(solution: pd.DataFrame, submission: pd.DataFrame, row_id: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both whose ids both have, for `--subset`."""
    both = set(solution[row_id].astype(str)) & set(submission[row_id].astype(str))
    return solution[solution[row_id].astype(str).isin(both)], submission[submission[row_id].astype(str).isin(both)]


def difference(own: Sequence[str], other: Sequence[str]) -> Difference | None:
    """In which one way ids are written differently from others; None where no such way makes any of them the same."""
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
        return Fault(file, f"{what}; {found.ids:,} more would be, but they {found.what}", found.remedy)
    look = f"the others look like {own[0]!r}, there like {other[0]!r}"
    return Fault(file, f"{what}; {next(filter(None, map(odd_word, own)), look)}", remedy)


def _pairs(variation: _Variation, own: Sequence[str], other: Sequence[str]) -> list[tuple[str, str]]:
    """Ids that are the same but for one difference."""
    known = {variation.without(identity): identity for identity in other}
    plain = ((identity, variation.without(identity)) for identity in own)
    return [(identity, known[text]) for identity, text in plain if text in known]
