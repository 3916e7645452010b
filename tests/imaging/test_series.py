"""Which slices belong together, and in which order."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pulmo.imaging.series import slice_normal, stacks
from pulmo.imaging.slices import SliceHeader


def at(header: SliceHeader, *heights: float, instance: int = 1, **changes: Any) -> list[SliceHeader]:
    placed = [replace(header, position_mm=(0.0, 0.0, mm), instance=instance + n) for n, mm in enumerate(heights)]
    return [replace(slice_, **changes) for slice_ in placed]


def heights_of(header: list[SliceHeader]) -> list[list[float]]:
    return [stack.positions_mm.tolist() for stack in stacks(header)]


def test_by_position_not_by_number(header: SliceHeader) -> None:
    assert heights_of(at(header, 10, 0, 20, 5)) == [[0, 5, 10, 20]]


def test_series_sizes_and_orientations_apart(header: SliceHeader) -> None:
    coronal = at(header, 0, 1, orientation=(1.0, 0.0, 0.0, 0.0, 0.0, -1.0))
    mixed = [*at(header, 0, 1, 2, 3), *at(header, 0, 1, 2, series="1.3"), *coronal, *at(header, 9, rows=2)]
    # The two coronal slices share their y, so that one of them is a duplicate.
    assert [len(stack.slices) for stack in stacks(mixed)] == [4, 3, 1, 1]


def test_rounded_text_is_no_other_orientation(header: SliceHeader) -> None:
    near = at(header, 1, orientation=(1.0, 0.0, 0.0001, 0.0, 1.0, 0.0), pixel_spacing_mm=(1.0004, 1.0))
    assert heights_of([*at(header, 0, 2), *near])[0] == pytest.approx([0, 1, 2], abs=1e-3)


def test_acquisitions_one_after_the_other_are_one_stack(header: SliceHeader) -> None:
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


def test_acquisitions_that_overlap_are_apart(header: SliceHeader) -> None:
    parts = [*at(header, 0, 5, 10, 15, 20), *at(header, 2, 7, 12, 17, acquisition="2")]
    assert heights_of(parts) == [[0, 5, 10, 15, 20], [2, 7, 12, 17]]


def test_the_first_of_two_at_one_place_stays(header: SliceHeader) -> None:
    (stack,) = stacks([*at(header, 0, 5, 10, instance=11), *at(header, 0, 5.1, 10, instance=1)])
    assert [slice_.instance for slice_ in stack.slices] == [1, 2, 3]


@pytest.mark.parametrize(
    ("heights", "repair"),
    [
        ([0, 5, 10, 15], ""),
        ([0, 5, 10, 25, 30, 35, 40], "1 gap of up to 15 mm where 5 mm is usual: bridged by true positions"),
        ([0, 4, 8, 12, 19, 26], "slices between 4 and 7 mm apart: integrated over true positions"),
    ],
)
def test_gaps_are_told(header: SliceHeader, heights: list[float], repair: str) -> None:
    (stack,) = stacks(at(header, *heights))
    assert "; ".join(stack.repairs) == repair


def test_slices_without_a_place(header: SliceHeader) -> None:
    unplaced = at(header, 0, position_mm=())
    (stack,) = stacks([*at(header, 0, 5), *unplaced])
    assert stack.repairs == ("1 slice without a position left out",)
    nowhere = [replace(header, position_mm=(), location_mm=mm, instance=7) for mm in (30.0, 10.0, 20.0)]
    (stack,) = stacks(nowhere)
    assert stack.positions_mm.tolist() == [10, 20, 30]
    assert stack.repairs == ("no ImagePositionPatient: placed by SliceLocation",)
    numbered = [replace(header, position_mm=(), location_mm=None, instance=n, thickness_mm=2.5) for n in (2, 1, 3)]
    (stack,) = stacks(numbered)
    assert stack.positions_mm.tolist() == [2.5, 5, 7.5]


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        ((1, 0, 0, 0, 1, 0), (0, 0, 1)),
        ((-1, 0, 0, 0, 1, 0), (0, 0, 1)),  # turned to the head
        ((1, 0, 0, 0, 0, -1), (0, 1, 0)),
        ((0, 1, 0, 0, 0, -1), (-1, 0, 0)),
        ((1, 0, 0, 0, 0.6, 0.8), (0, -0.8, 0.6)),
    ],
)
def test_slice_normal(orientation: tuple[float, ...], expected: tuple[float, ...]) -> None:
    np.testing.assert_allclose(slice_normal(orientation), expected, atol=1e-12)
