"""Which slices of a series belong to one pass of the scanner, and which to another phase at the same places.

One SeriesInstanceUID may hold several phases (before and after contrast, in and out of breath, reconstructed twice).
No tag tells them apart everywhere: AcquisitionNumber is one for all, one a phase, or one a slice, and a head whose
gantry tilts has 21 of them in one stack of 28. So each tag that may tell phases apart is asked in turn, and believed
only if the parts that it makes are what phases are: they cover the same places, and each goes through the patient by
itself. A phase mixed with another would still look like a scan, therefore what cannot be told apart is a fault.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from pulmo.errors import Fault, ScanError
from pulmo.imaging.placing import along_normal
from pulmo.imaging.slices import PHASE_KEYWORDS, SliceHeader

_SAME_PLACE = 0.05
"""Slices nearer to each other than this share of the usual step lie at one place."""
_MANY = 3
"""Slices a value, on average, from which on a tag names phases; below, it counts slices or rotations."""
_SHARED = 0.5
"""Parts that share less than this of the shorter one follow each other: they are one stack."""
_FEW = 0.2
"""A phase may have two slices at this share of its places: files stored twice."""
_DOUBLED = 0.5
"""If more than this share of all places hold several slices, these are phases, not files stored twice."""
_WIDER = 1.5
"""A phase woven into another has at least so many times the step of both together, and no longer gap of its own."""


class Phase(NamedTuple):
    """Slices of one phase; `told_by` is what tells it from the others, in words, empty if it is alone."""

    slices: list[SliceHeader]
    told_by: str


class _Mark(NamedTuple):
    """A tag that may tell phases apart: its name, its text in a header, and whether it is asked only where several
    slices lie at one place: pictures of one pass may be made in any order, and lie in any folder."""

    name: str
    text: Callable[[SliceHeader], str]
    only_at_one_place: bool


def _mark(index: int, name: str) -> _Mark:
    return _Mark(name, lambda header: header.marks[index], name == "ContentTime")


_NAMES = dict(zip(PHASE_KEYWORDS, range(len(PHASE_KEYWORDS)), strict=True))
_MARKS = (
    _mark(_NAMES["TemporalPositionIdentifier"], "TemporalPositionIdentifier"),
    _Mark("AcquisitionNumber", lambda header: header.acquisition, False),
    *(_mark(index, name) for name, index in _NAMES.items() if name != "TemporalPositionIdentifier"),
    _Mark("folder", lambda header: str(header.path.parent), True),
    _Mark("InstanceNumber", lambda header: str(header.instance), False),
)
_COUNTERS = ("AcquisitionTime", "SeriesTime", "ContentTime", "folder", "InstanceNumber")
"""These follow the work of a scanner, and name phases only by the order of slices; an MR scanner takes those of one
stack in any order."""


def phases(slices: Sequence[SliceHeader]) -> list[Phase]:
    """Slices of one series, size and orientation, all with a position → one list a phase.

    Raises ScanError if several slices lie at most places, and nothing says which belong together.
    """
    return _told_apart(list(slices), _MARKS, "")


def places(positions_mm: np.ndarray) -> np.ndarray:
    """Which place each slice lies at, counted along the normal, (slices,) int."""
    order = np.argsort(positions_mm, kind="stable")
    steps = np.diff(positions_mm[order])
    usual = float(np.median(steps[steps > 1e-3])) if (steps > 1e-3).any() else 0.0
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(steps > _SAME_PLACE * usual)])
    return numbers


class _Lie(NamedTuple):
    """Where slices lie: positions along the normal, (slices,) mm, and the number of each slice's place."""

    positions_mm: np.ndarray
    place: np.ndarray

    @property
    def places(self) -> int:
        """How many there are."""
        return int(self.place.max()) + 1

    @property
    def at_one_place(self) -> bool:
        """Whether several slices lie at any."""
        return self.places < len(self.place)


def _told_apart(slices: list[SliceHeader], marks: Sequence[_Mark], told_by: str) -> list[Phase]:
    positions = along_normal(slices)
    lie = _Lie(positions, places(positions))
    for index, mark in enumerate(marks):
        texts = [mark.text(header) for header in slices]
        if len(set(texts)) < 2 or not (lie.at_one_place or _asked(mark, slices)):
            continue
        parts = _parts(mark, texts, [header.instance for header in slices], lie)
        if len(parts) > 1:
            rest = marks[index + 1 :]
            return [
                phase
                for part in parts
                for phase in _told_apart([slices[n] for n in part], rest, _said(mark.name, [texts[n] for n in part]))
            ]
    return _by_turns(slices, lie, told_by) if lie.at_one_place else [Phase(slices, told_by)]


def _asked(mark: _Mark, slices: Sequence[SliceHeader]) -> bool:
    """Whether a tag is asked though no two slices lie at one place."""
    return not mark.only_at_one_place and (slices[0].modality == "CT" or mark.name not in _COUNTERS)


def _parts(mark: _Mark, texts: Sequence[str], instances: Sequence[int], lie: _Lie) -> list[list[int]]:
    """Indices of slices by what a tag says, if it tells phases apart; else all in one part."""
    everything = [list(range(len(texts)))]
    number = _numbers(texts)
    order = sorted(everything[0], key=lambda n: (number[n], instances[n]))
    steps = np.diff(lie.place[order])
    if (steps >= 0).all() or (steps <= 0).all():
        return everything  # one pass
    groups = [list(group) for _, group in groupby(order, key=lambda n: number[n])]
    if mark.name == "InstanceNumber" and len(groups) < len(texts):
        return everything  # it begins anew somewhere, and is no order
    names_phases = mark.name not in _COUNTERS and len(texts) >= _MANY * len(groups)
    parts = _passes(groups, lie)
    if len(parts) == 1 or _follow_each_other(parts, lie):
        return everything
    return parts if names_phases or _believable(parts, lie) else everything


def _numbers(texts: Sequence[str]) -> list[float]:
    """What sorts as the texts mean: by number if all that are not empty are numbers (10 after 9), else by text."""
    try:
        return [float(text) if text else -np.inf for text in texts]
    except ValueError:
        rank = {text: float(number) for number, text in enumerate(sorted(set(texts)))}
        return [rank[text] for text in texts]


def _passes(groups: Sequence[list[int]], lie: _Lie) -> list[list[int]]:
    """Groups of slices in an order → parts that each go through the patient one way.

    A group goes on with a part if it follows it in its direction, or lies at the place where it ended. Where the
    scanner turns back, the last place is the first of the next part too.
    """
    found: list[list[int]] = [list(groups[0])]
    staying: list[int] = []
    start, end = _range(groups[0], lie)
    way = 0
    for group in groups[1:]:
        low, high = _range(group, lie)
        up = way >= 0 and _follows(low, high, start, end)
        down = way <= 0 and _follows(-high, -low, -end, -start)
        if set(lie.place[group].tolist()) == {lie.place[found[-1][-1]]}:
            staying += group
        elif up or down:
            way = 1 if up else -1
            staying = []
            start, end = min(start, low), max(end, high)
        else:
            if staying:
                del found[-1][-len(staying) :]
            found.append(staying)
            start, end = _range([*staying, *group], lie)
            way, staying = 0, []
        found[-1] += group
    return found


def _follow_each_other(parts: Sequence[list[int]], lie: _Lie) -> bool:
    """Whether all parts make one stack, each beginning about where another ends."""
    (start, end), *others = sorted(_range(part, lie) for part in parts)
    for low, high in others:
        if not _follows(low, high, start, end):
            return False
        end = max(end, high)
    return True


def _range(part: list[int], lie: _Lie) -> tuple[float, float]:
    return float(lie.positions_mm[part].min()), float(lie.positions_mm[part].max())


def _follows(low: float, high: float, start: float, end: float) -> bool:
    """Two parts may share a few slices where they meet, but not half of the shorter one."""
    shared = end - low
    return low > end or (low > start and shared < _SHARED * min(high - low, end - start))


def _believable(parts: Sequence[list[int]], lie: _Lie) -> bool:
    """Whether parts in the order of a counter are phases, not what any order of one stack's slices would make.

    Where several slices lie at one place there are no more phases than slices, and each has one slice at nearly each of
    its places. Where none do, phases are woven into each other: each must be as even as a scan is, with longer steps
    than all of them together.
    """
    if min(map(len, parts)) < _MANY:
        return False
    if lie.at_one_place:
        doubled = max(1 - len(set(lie.place[part].tolist())) / len(part) for part in parts)
        return len(parts) <= int(np.max(np.bincount(lie.place))) and doubled <= _FEW
    together = float(np.median(np.diff(np.sort(lie.positions_mm))))
    steps = [np.diff(np.sort(lie.positions_mm[part])) for part in parts]
    usual = [float(np.median(step)) for step in steps]
    return all(
        step >= _WIDER * together and all_steps.max() <= _WIDER * step
        for step, all_steps in zip(usual, steps, strict=True)
    )


def _by_turns(slices: list[SliceHeader], lie: _Lie, told_by: str) -> list[Phase]:
    """Where no tag tells slices at one place apart: the first of each, the second …, if they were counted so.

    A few slices at one place are files stored twice, and stay together.
    """
    count, place = lie.places, lie.place
    extra = len(slices) - count
    if extra <= _DOUBLED * count:
        return [Phase(slices, told_by)]
    order = sorted(range(len(slices)), key=lambda n: (slices[n].instance, slices[n].path))
    in_turn = place[order]
    if 1 + int(np.count_nonzero(np.diff(in_turn))) != count:
        most = int(np.max(np.bincount(place)))
        what = (
            f"up to {most} slices lie at each of {count} places, and neither acquisition, time nor number says which "
            "of them belong together"
        )
        raise ScanError(Fault(str(slices[0].path.parent), what, "Give the folder of one phase"))
    turns: dict[int, list[SliceHeader]] = {}
    for _, group in groupby(order, key=lambda n: place[n]):
        for turn, index in enumerate(group):
            turns.setdefault(turn, []).append(slices[index])
    return [Phase(part, f"number {turn + 1} of the slices at each place") for turn, part in turns.items()]


def _said(name: str, texts: Sequence[str]) -> str:
    """The values of a part: `AcquisitionNumber 2`, `InstanceNumber 15–28`."""
    number = _numbers(texts)
    first, last = (texts[int(pick(number))] or "missing" for pick in (np.argmin, np.argmax))
    return f"{name} {first}" if first == last else f"{name} {first}–{last}"
