"""Which rows belong together: the ids of a submission against those of a sample or a solution."""

import re
from collections.abc import Callable
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


class _Difference(NamedTuple):
    """A way in which the same ids are written differently: what some of them have more, and the id without it."""

    name: str
    without: Callable[[str], str]


_DIFFERENCES = (
    _Difference("white space around them", lambda text: text.strip(INVISIBLE + " ").strip()),
    _Difference("quotation marks around them", lambda text: text.strip("\"'")),
    _Difference("a folder before them", lambda text: re.split(r"[/\\]", text)[-1]),
    _Difference("the ending {ending!r}", lambda text: _ENDING.sub("", text)),
    _Difference("capital letters", str.lower),
    _Difference("'.0' at their end", lambda text: text.removesuffix(".0")),
    _Difference("zeros at their start", lambda text: text.lstrip("0")),
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


def _how_many_match(submission: pd.DataFrame, wanted: pd.DataFrame, row_id: str, remedy: str) -> Fault:
    ours, theirs = (dict.fromkeys(table[row_id].astype(str)) for table in (submission, wanted))
    file, source = name_of(submission, "submission"), name_of(wanted, "the solution")
    count = sum(identity in theirs for identity in ours)
    what = f"{count:,} of its {len(ours):,} ids are among the {len(theirs):,} of {source}"
    own, other = ([one for one in ids if one not in rest] for ids, rest in ((ours, theirs), (theirs, ours)))
    if not own or not other:
        return Fault(file, what, remedy)
    difference, pairs = max(((one, _pairs(one, own, other)) for one in _DIFFERENCES), key=lambda found: len(found[1]))
    if not pairs:
        look = f"the others look like {own[0]!r}, there like {other[0]!r}"
        return Fault(file, f"{what}; {next(filter(None, map(odd_word, own)), look)}", remedy)
    mine, right = pairs[0]
    verb = "have" if difference.without(mine) != mine else "lack"
    longer = mine if verb == "have" else right
    name = difference.name.format(ending=PurePath(longer).suffix)
    return Fault(file, f"{what}; {len(pairs):,} more would be but {verb} {name}", f"Write {right!r} for {mine!r}")


def _pairs(difference: _Difference, own: list[str], other: list[str]) -> list[tuple[str, str]]:
    """Ids that are the same but for one difference."""
    known = {difference.without(identity): identity for identity in other}
    plain = ((identity, difference.without(identity)) for identity in own)
    return [(identity, known[text]) for identity, text in plain if text in known]
