"""Splits the slices of a series into phases: passes of the scanner over the same positions.

One SeriesInstanceUID may hold several phases (before and after contrast, inspiration and expiration, two
reconstructions). No tag separates them in all files: AcquisitionNumber may be constant, one per phase, or one per
slice, and a head scanned with a tilted gantry has 21 in one stack of 28. So each candidate tag is tried in turn, and
accepted only if its groups are plausible phases: they cover the same positions, and each is a complete pass. A mixture
of phases would still look like a scan, so phases that cannot be separated are an error.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from pulmo.errors import Fault, ScanError
from pulmo.imaging.placing import along_normal
from pulmo.imaging.slices import PHASE_KEYWORDS, SliceHeader

_SAME_POSITION = 0.05
"""Slices closer to each other than this fraction of the median step are at one position."""
_MANY = 3
"""With this many slices per value, on average, a tag names phases; with fewer it counts slices or rotations."""
_SHARED = 0.5
"""Parts that overlap by less than this fraction of the shorter one are consecutive: one stack."""
_FEW = 0.2
"""A phase may have two slices at this fraction of its positions: files stored twice."""
_DOUBLED = 0.5
"""If more than this fraction of all positions has several slices, these are phases, not files stored twice."""
_WIDER = 1.5
"""An interleaved phase has at least this multiple of the combined step, and no gap above this multiple of it."""


class Phase(NamedTuple):
    """Slices of one phase; `phase_label` is the tag and value that separate it from others, empty without others."""

    slices: list[SliceHeader]
    phase_label: str


class _Tag(NamedTuple):
    """A tag that may separate phases: its name, its text in a header, and whether it is used only at shared positions.

    Images of one pass may be written in any order, and into any folder.
    """

    name: str
    text: Callable[[SliceHeader], str]
    only_at_one_position: bool


def _tag_of(index: int, name: str) -> _Tag:
    return _Tag(name, lambda header: header.phase_values[index], name == "ContentTime")


_NAMES = dict(zip(PHASE_KEYWORDS, range(len(PHASE_KEYWORDS)), strict=True))
_TAGS = (
    _tag_of(_NAMES["TemporalPositionIdentifier"], "TemporalPositionIdentifier"),
    _Tag("AcquisitionNumber", lambda header: header.acquisition, False),
    *(_tag_of(index, name) for name, index in _NAMES.items() if name != "TemporalPositionIdentifier"),
    _Tag("folder", lambda header: str(header.path.parent), True),
    _Tag("InstanceNumber", lambda header: str(header.instance), False),
)
_COUNTERS = ("AcquisitionTime", "SeriesTime", "ContentTime", "folder", "InstanceNumber")
"""These count up during a scan, and separate phases only by the order of slices; an MR scanner acquires the slices of
one stack in any order."""


def phases(slices: Sequence[SliceHeader]) -> list[Phase]:
    """Slices of one series, size and orientation, all with a position → one list per phase.

    Raises ScanError if several slices are at most positions, and no tag separates them.
    """
    return _split(list(slices), _TAGS, "")


def position_indices(positions_mm: np.ndarray) -> np.ndarray:
    """The index of each slice's position, counted along the normal, (slices,) int."""
    order = np.argsort(positions_mm, kind="stable")
    steps = np.diff(positions_mm[order])
    step = float(np.median(steps[steps > 1e-3])) if (steps > 1e-3).any() else 0.0
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(steps > _SAME_POSITION * step)])
    return numbers


class _Located(NamedTuple):
    """Slices' positions along the normal, (slices,) mm, and the index of each among the distinct positions."""

    positions_mm: np.ndarray
    position: np.ndarray

    @property
    def distinct(self) -> int:
        """Number of distinct positions."""
        return int(self.position.max()) + 1

    @property
    def any_shared(self) -> bool:
        """Whether several slices are at any position."""
        return self.distinct < len(self.position)


def _split(slices: list[SliceHeader], tags: Sequence[_Tag], phase_label: str) -> list[Phase]:
    positions = along_normal(slices)
    located = _Located(positions, position_indices(positions))
    for index, tag in enumerate(tags):
        texts = [tag.text(header) for header in slices]
        if len(set(texts)) < 2 or not (located.any_shared or _applies(tag, slices)):
            continue
        parts = _parts(tag, texts, [header.instance for header in slices], located)
        if len(parts) > 1:
            rest = tags[index + 1 :]
            return [
                phase
                for part in parts
                for phase in _split([slices[n] for n in part], rest, _describe(tag.name, [texts[n] for n in part]))
            ]
    return _by_order(slices, located, phase_label) if located.any_shared else [Phase(slices, phase_label)]


def _applies(tag: _Tag, slices: Sequence[SliceHeader]) -> bool:
    """Whether a tag is tried although no two slices are at one position."""
    return not tag.only_at_one_position and (slices[0].modality == "CT" or tag.name not in _COUNTERS)


def _parts(tag: _Tag, texts: Sequence[str], instances: Sequence[int], located: _Located) -> list[list[int]]:
    """Indices of slices by the tag's values, if it separates phases; else all in one part."""
    everything = [list(range(len(texts)))]
    number = _numbers(texts)
    order = sorted(everything[0], key=lambda n: (number[n], instances[n]))
    steps = np.diff(located.position[order])
    if (steps >= 0).all() or (steps <= 0).all():
        return everything  # one pass
    groups = [list(group) for _, group in groupby(order, key=lambda n: number[n])]
    if tag.name == "InstanceNumber" and len(groups) < len(texts):
        return everything  # numbering restarts somewhere, so it gives no order
    names_phases = tag.name not in _COUNTERS and len(texts) >= _MANY * len(groups)
    parts = _passes(groups, located)
    if len(parts) == 1 or _follow_each_other(parts, located):
        return everything
    return parts if names_phases or _plausible(parts, located) else everything


def _numbers(texts: Sequence[str]) -> list[float]:
    """Sort keys of the texts: numeric if all that are not empty are numbers (10 after 9), else by text."""
    try:
        return [float(text) if text else -np.inf for text in texts]
    except ValueError:
        rank = {text: float(number) for number, text in enumerate(sorted(set(texts)))}
        return [rank[text] for text in texts]


def _passes(groups: Sequence[list[int]], located: _Located) -> list[list[int]]:
    """Ordered groups of slices → parts that each pass through the patient in one direction.

    A group continues a part if it follows it in its direction, or is at the position where it ended. Where the
    direction reverses, slices at the last position belong to the next part.
    """
    found: list[list[int]] = [list(groups[0])]
    staying: list[int] = []
    start, end = _range(groups[0], located)
    direction = 0
    for group in groups[1:]:
        low, high = _range(group, located)
        up = direction >= 0 and _follows(low, high, start, end)
        down = direction <= 0 and _follows(-high, -low, -end, -start)
        if set(located.position[group].tolist()) == {located.position[found[-1][-1]]}:
            staying += group
        elif up or down:
            direction = 1 if up else -1
            staying = []
            start, end = min(start, low), max(end, high)
        else:
            if staying:
                del found[-1][-len(staying) :]
            found.append(staying)
            start, end = _range([*staying, *group], located)
            direction, staying = 0, []
        found[-1] += group
    return found


def _follow_each_other(parts: Sequence[list[int]], located: _Located) -> bool:
    """Whether all parts form one stack, each beginning about where another ends."""
    (start, end), *others = sorted(_range(part, located) for part in parts)
    for low, high in others:
        if not _follows(low, high, start, end):
            return False
        end = max(end, high)
    return True


def _range(part: list[int], located: _Located) -> tuple[float, float]:
    return float(located.positions_mm[part].min()), float(located.positions_mm[part].max())


def _follows(low: float, high: float, start: float, end: float) -> bool:
    """Whether a part begins after another, overlapping by less than half of the shorter one."""
    shared = end - low
    return low > end or (low > start and shared < _SHARED * min(high - low, end - start))


def _plausible(parts: Sequence[list[int]], located: _Located) -> bool:
    """Whether parts in the order of a counter are phases, and not an arbitrary split of one stack.

    Where positions are shared, there are no more phases than slices at a position, and each phase has one slice at
    nearly all of its positions. Where none are shared, phases are interleaved: each must be evenly spaced, with longer
    steps than all of them combined.
    """
    if min(map(len, parts)) < _MANY:
        return False
    if located.any_shared:
        doubled = max(1 - len(set(located.position[part].tolist())) / len(part) for part in parts)
        return len(parts) <= int(np.max(np.bincount(located.position))) and doubled <= _FEW
    combined = float(np.median(np.diff(np.sort(located.positions_mm))))
    steps = [np.diff(np.sort(located.positions_mm[part])) for part in parts]
    medians = [float(np.median(step)) for step in steps]
    return all(
        step >= _WIDER * combined and all_steps.max() <= _WIDER * step
        for step, all_steps in zip(medians, steps, strict=True)
    )


def _by_order(slices: list[SliceHeader], located: _Located, phase_label: str) -> list[Phase]:
    """Splits slices at shared positions by their order at each position, if instance numbers follow it.

    A few shared positions are files stored twice, which stay together.
    """
    count, position = located.distinct, located.position
    extra = len(slices) - count
    if extra <= _DOUBLED * count:
        return [Phase(slices, phase_label)]
    order = sorted(range(len(slices)), key=lambda n: (slices[n].instance, slices[n].path))
    in_turn = position[order]
    if 1 + int(np.count_nonzero(np.diff(in_turn))) != count:
        most = int(np.max(np.bincount(position)))
        what = (
            f"up to {most} slices are at each of {count} positions, and neither acquisition, time nor number separates "
            "the phases"
        )
        raise ScanError(Fault(str(slices[0].path.parent), what, "Give the folder of one phase"))
    ranked: dict[int, list[SliceHeader]] = {}
    for _, group in groupby(order, key=lambda n: position[n]):
        for rank, index in enumerate(group):
            ranked.setdefault(rank, []).append(slices[index])
    return [Phase(part, f"number {rank + 1} of the slices at each position") for rank, part in ranked.items()]


def _describe(name: str, texts: Sequence[str]) -> str:
    """Tag and values of a part: `AcquisitionNumber 2`, `InstanceNumber 15–28`."""
    number = _numbers(texts)
    first, last = (texts[int(pick(number))] or "missing" for pick in (np.argmin, np.argmax))
    return f"{name} {first}" if first == last else f"{name} {first}–{last}"
