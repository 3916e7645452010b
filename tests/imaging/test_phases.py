"""Phases of one series are separated whatever the tags count; a single stack is not split."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulmo.errors import ScanError
from pulmo.imaging.phases import phases, position_indices
from pulmo.imaging.series import stacks
from pulmo.imaging.slices import PHASE_KEYWORDS, SliceHeader
from tests.imaging.support import at

HEIGHTS = tuple(float(mm) for mm in range(130, -10, -10))  # 14 slices from the head down


def marked(**texts: str) -> tuple[str, ...]:
    return tuple(texts.get(keyword, "") for keyword in PHASE_KEYWORDS)


def a_phase(header: SliceHeader, number: int, heights: Sequence[float] = HEIGHTS, **changes: Any) -> list[SliceHeader]:
    """Slices with `sop` naming the phase."""
    return [replace(part, sop=f"{number}.{n}") for n, part in enumerate(at(header, *heights, **changes))]


def found_in(slices: Sequence[SliceHeader]) -> list[list[str]]:
    """The true phases of the slices of each phase found, after shuffling."""
    shuffled = [slices[n] for n in np.random.default_rng(3).permutation(len(slices))]
    return sorted(sorted({part.sop.split(".")[0] for part in phase.slices}) for phase in phases(shuffled))


def renumbered(slices: Sequence[SliceHeader]) -> list[SliceHeader]:
    return [replace(part, instance=n + 1) for n, part in enumerate(slices)]


def woven(*parts: Sequence[SliceHeader]) -> list[SliceHeader]:
    """Slices interleaved by phase, and numbered in this order."""
    return renumbered([slice_ for turn in zip(*parts, strict=True) for slice_ in turn])


def acquisition_a_slice(number: int, parts: list[SliceHeader]) -> list[SliceHeader]:
    return [replace(part, acquisition=str(100 * number + n)) for n, part in enumerate(parts)]


def time_a_slice(number: int, parts: list[SliceHeader]) -> list[SliceHeader]:
    return [
        replace(part, phase_values=marked(AcquisitionTime=f"1208{10 * number + n // 2:02d}.{n % 2}"))
        for n, part in enumerate(parts)
    ]


def one_mark(keyword: str, text: str) -> Callable[[int, list[SliceHeader]], list[SliceHeader]]:
    def mark(number: int, parts: list[SliceHeader]) -> list[SliceHeader]:
        return [replace(part, phase_values=marked(**{keyword: text.format(number)})) for part in parts]

    return mark


def acquisition(number: int, parts: list[SliceHeader]) -> list[SliceHeader]:
    return [replace(part, acquisition=str(number + 8)) for part in parts]


def acquisition_of_two_slices(number: int, parts: list[SliceHeader]) -> list[SliceHeader]:
    return [replace(part, acquisition=str(7 * number + n // 2 + 1)) for n, part in enumerate(parts)]


def nothing(number: int, parts: list[SliceHeader]) -> list[SliceHeader]:
    return parts


def folder(number: int, parts: list[SliceHeader]) -> list[SliceHeader]:
    return [replace(part, path=Path(f"phase{number}/{n}.dcm")) for n, part in enumerate(parts)]


MARKS = {
    "acquisition": acquisition,
    "acquisition a slice": acquisition_a_slice,
    "acquisition of two slices": acquisition_of_two_slices,
    "acquisition time a slice": time_a_slice,
    "acquisition time": one_mark("AcquisitionTime", "12{:02d}00"),
    "series time": one_mark("SeriesTime", "12{:02d}00"),
    "content time": one_mark("ContentTime", "12{:02d}00"),
    "temporal position": one_mark("TemporalPositionIdentifier", "{}"),
    "kernel": one_mark("ConvolutionKernel", "B{}0f"),
    "folder": folder,
    "nothing": nothing,
}
UPWARD = HEIGHTS[::-1]
SHIFTED = tuple(mm + 5 for mm in HEIGHTS)
LOWER = tuple(mm - 40 for mm in HEIGHTS)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("name", MARKS)
@pytest.mark.parametrize("other", [HEIGHTS, UPWARD, LOWER], ids=["same way", "and back", "40 mm lower"])
def test_consecutive_phases_at_the_same_positions(
    header: SliceHeader, count: int, name: str, other: tuple[float, ...]
) -> None:
    parts = [MARKS[name](number, a_phase(header, number, other if number % 2 else HEIGHTS)) for number in range(count)]
    found = found_in(renumbered([slice_ for part in parts for slice_ in part]))
    assert found == [[str(number)] for number in range(count)]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("name", MARKS)
def test_interleaved_instances_at_the_same_positions(header: SliceHeader, count: int, name: str) -> None:
    parts = [MARKS[name](number, a_phase(header, number)) for number in range(count)]
    assert found_in(woven(*parts)) == [[str(number)] for number in range(count)]


@pytest.mark.parametrize("name", [name for name in MARKS if name not in ("content time", "folder", "nothing")])
@pytest.mark.parametrize("weave", [False, True], ids=["in turn", "woven"])
def test_a_phase_shifted_by_half_a_step(header: SliceHeader, name: str, weave: bool) -> None:
    parts = [MARKS[name](number, a_phase(header, number, (HEIGHTS, SHIFTED)[number])) for number in range(2)]
    slices = woven(*parts) if weave else renumbered([*parts[0], *parts[1]])
    assert found_in(slices) == [["0"], ["1"]]


def test_a_phase_shifted_by_half_a_step_by_instances_alone(header: SliceHeader) -> None:
    assert found_in(renumbered([*a_phase(header, 0), *a_phase(header, 1, SHIFTED)])) == [["0"], ["1"]]


def test_each_phase_counted_from_one(header: SliceHeader) -> None:
    parts = [
        replace(part, path=Path(f"{number}_{part.instance}.dcm"))
        for number in range(2)
        for part in a_phase(header, number)
    ]
    assert found_in(parts) == [["0"], ["1"]]


def test_acquisitions_sort_as_numbers(header: SliceHeader) -> None:
    parts = renumbered([*a_phase(header, 0), *a_phase(header, 1)])
    by_slice = [replace(part, acquisition=str(n + 1)) for n, part in enumerate(parts)]
    labels = [phase.phase_label for phase in phases(by_slice)]
    assert labels == ["AcquisitionNumber 1–14", "AcquisitionNumber 15–28"]


def test_inseparable_phases_are_refused(header: SliceHeader) -> None:
    numbers = np.random.default_rng(1).permutation(28) + 1
    parts = [*a_phase(header, 0), *a_phase(header, 1)]
    scrambled = [replace(part, instance=int(n)) for part, n in zip(parts, numbers, strict=True)]
    with pytest.raises(
        ScanError, match=r"up to 2 slices are at each of 14 positions, and neither acquisition, time nor"
    ):
        phases(scrambled)
    (stack,) = stacks(scrambled)
    assert stack.fault is not None


def test_a_short_second_phase_is_not_mixed_in(header: SliceHeader) -> None:
    parts = renumbered([*a_phase(header, 1, HEIGHTS[4:9]), *a_phase(header, 0)])
    assert found_in(parts) == [["0"], ["1"]]


# One stack -----------------------------------------------------------------------------------------------------------


def heights_of(slices: list[SliceHeader]) -> list[list[float]]:
    return [stack.positions_mm.tolist() for stack in stacks(slices)]


def test_a_head_with_an_acquisition_every_few_slices(header: SliceHeader) -> None:
    slices = at(header, *range(28))
    counted = [replace(part, acquisition=str(min(n, 14) + max(0, n - 13) // 2 + 1)) for n, part in enumerate(slices)]
    assert len({part.acquisition for part in counted}) == 22
    assert heights_of(counted) == [list(range(28))]


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_numbers_and_times_is_one_stack(header: SliceHeader, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(60)
    slices = [
        replace(part, instance=int(n), acquisition=str(n), phase_values=marked(AcquisitionTime=f"1200{n:02d}"))
        for part, n in zip(at(header, *range(60)), order, strict=True)
    ]
    assert heights_of(slices) == [list(range(60))]


def test_numbers_in_the_order_of_file_names_are_one_stack(header: SliceHeader) -> None:
    order = sorted(range(1, 61), key=str)  # 1, 10, 11 … 2, 20
    slices = [replace(part, instance=order.index(n + 1)) for n, part in enumerate(at(header, *range(60)))]
    assert heights_of(slices) == [list(range(60))]


def test_interleaved_mr_acquisition_is_one_stack(header: SliceHeader) -> None:
    slices = at(header, *range(0, 20, 2), *range(1, 20, 2), modality="MR")
    timed = [replace(part, phase_values=marked(AcquisitionTime=f"1200{n:02d}")) for n, part in enumerate(slices)]
    assert heights_of(timed) == [list(range(20))]


def test_images_of_two_reconstruction_computers_are_one_stack(header: SliceHeader) -> None:
    slices = [
        replace(part, phase_values=marked(ContentTime=f"1200{(n % 30) // 3:02d}"))
        for n, part in enumerate(at(header, *range(60)))
    ]
    assert heights_of(slices) == [list(range(60))]


def test_consecutive_acquisitions_are_one_stack(header: SliceHeader) -> None:
    parts = [
        slice_ for number in range(4) for slice_ in at(header, 10 * number, 10 * number + 5, acquisition=str(number))
    ]
    assert heights_of(parts) == [[0, 5, 10, 15, 20, 25, 30, 35]]


def test_acquisitions_that_share_a_slice_where_they_meet_are_one_stack(header: SliceHeader) -> None:
    parts = [*at(header, 0, 5, 10, 15), *at(header, 15, 20, 25, 30, acquisition="2", instance=9)]
    (stack,) = stacks(parts)
    assert stack.positions_mm.tolist() == [0, 5, 10, 15, 20, 25, 30]
    assert stack.slices[3].acquisition == "1"
    assert stack.repairs == ("1 duplicate slice left out",)


def test_overlapping_acquisitions_are_separated(header: SliceHeader) -> None:
    parts = [*at(header, 0, 5, 10, 15, 20), *at(header, 2, 7, 12, 17, acquisition="2")]
    assert heights_of(parts) == [[0, 5, 10, 15, 20], [2, 7, 12, 17]]


def test_acquisitions_in_any_order_that_continue_each_other_are_one_stack(header: SliceHeader) -> None:
    """The middle, then below it, then above, each with slices enough for a number that names phases."""
    parts = [
        slice_
        for number, first in enumerate((10, 5, 15))
        for slice_ in at(header, *range(first, first + 5), acquisition=str(number))
    ]
    assert heights_of(parts) == [list(range(5, 20))]


def test_a_phase_shifted_by_two_thirds_of_a_step(header: SliceHeader) -> None:
    """Its steps of 3 mm are just one and a half times the usual combined step, 2 mm."""
    parts = [a_phase(header, number, range(2 * number, 42 + 2 * number, 3)) for number in range(2)]
    assert found_in(renumbered([*parts[0], *parts[1]])) == [["0"], ["1"]]


def test_slices_within_a_twentieth_of_a_step_are_at_one_position() -> None:
    assert position_indices(np.array([20.5, 0, 20, 10])).tolist() == [2, 0, 2, 1]
    assert position_indices(np.array([20.6, 0, 20, 10])).tolist() == [3, 0, 2, 1]
    assert position_indices(np.array([5.0, 5, 5])).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("doubled", "refused"), [(7, False), (8, True)])
def test_files_stored_twice_are_half_of_the_positions_at_most(header: SliceHeader, doubled: int, refused: bool) -> None:
    """Numbered in no order, so that nothing separates them; of 14 positions."""
    parts = [*a_phase(header, 0), *a_phase(header, 1, HEIGHTS[:doubled])]
    numbers = np.random.default_rng(1).permutation(len(parts)) + 1
    scrambled = [replace(part, instance=int(n)) for part, n in zip(parts, numbers, strict=True)]
    if refused:
        with pytest.raises(ScanError, match="up to 2 slices are at each of 14 positions"):
            phases(scrambled)
    else:
        assert [len(phase.slices) for phase in phases(scrambled)] == [21]


@pytest.mark.parametrize(
    ("first", "found"),
    [
        (25.0, [[0, 10, 20, 30, 40], [25, 35, 45, 55]]),
        (26.0, [[0, 10, 20, 26, 30, 36, 40, 46, 56]]),
    ],
)
def test_acquisitions_that_overlap_by_less_than_half_of_the_shorter_follow_each_other(
    header: SliceHeader, first: float, found: list[list[float]]
) -> None:
    """15 mm of 30, or 14."""
    second = at(header, *(first + mm for mm in (0, 10, 20, 30)), acquisition="2")
    assert heights_of([*at(header, 0, 10, 20, 30, 40), *second]) == found
