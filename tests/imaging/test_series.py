"""Grouping and order of slices."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pulmo.errors import ScanError
from pulmo.imaging.series import exclusion_reason, longest, stacks
from pulmo.imaging.slices import SliceHeader
from tests.imaging.support import at


def heights_of(header: list[SliceHeader]) -> list[list[float]]:
    return [stack.positions_mm.tolist() for stack in stacks(header)]


def test_by_position_not_by_number(header: SliceHeader) -> None:
    assert heights_of(at(header, 10, 0, 20, 5)) == [[0, 5, 10, 20]]


def test_series_sizes_and_orientations_are_separated(header: SliceHeader) -> None:
    coronal = at(header, 0, 1, orientation=(1.0, 0.0, 0.0, 0.0, 0.0, -1.0))
    mixed = [*at(header, 0, 1, 2, 3), *at(header, 0, 1, 2, series="1.3"), *coronal, *at(header, 9, rows=2)]
    # The two coronal slices share their y, and so are placed by number.
    assert [len(stack.slices) for stack in stacks(mixed)] == [4, 3, 2, 1]


def test_rounded_orientations_are_equal(header: SliceHeader) -> None:
    near = at(header, 1, orientation=(1.0, 0.0, 0.0001, 0.0, 1.0, 0.0), pixel_spacing_mm=(1.0004, 1.0))
    assert heights_of([*at(header, 0, 2), *near])[0] == pytest.approx([0, 1, 2], abs=1e-3)


def test_the_first_of_two_at_one_position_is_kept(header: SliceHeader) -> None:
    (stack,) = stacks([*at(header, 0, 5, 10, 15, instance=11), *at(header, 5.1, instance=1)])
    assert [slice_.instance for slice_ in stack.slices] == [11, 1, 13, 14]
    assert stack.repairs == ("1 duplicate slice left out",)


def test_a_file_stored_twice_is_a_copy(header: SliceHeader) -> None:
    once = [replace(part, sop=f"1.{part.instance}") for part in at(header, 0, 5, 10)]
    again = [replace(part, path=Path("copy") / f"{part.instance}.dcm") for part in once]
    (stack,) = stacks([*once, *again])
    assert stack.slices == tuple(once)
    assert stack.repairs == ("3 copies of other files left out",)
    # One SOPInstanceUID in every file is the writer's mistake, and tells nothing.
    (whole,) = stacks([replace(part, sop="1") for part in once])
    assert len(whole.slices) == 3


def test_one_series_per_file_is_grouped_by_shared_tags(header: SliceHeader) -> None:
    scattered = [replace(part, series=f"1.{part.instance}", series_number="4") for part in at(header, 0, 5, 10)]
    other = [replace(part, series=f"2.{part.instance}", series_number="5") for part in at(header, 0, 5)]
    first, second = stacks([*scattered, *other])
    assert (len(first.slices), len(second.slices)) == (3, 2)
    assert first.repairs == ("5 SeriesInstanceUIDs in 5 slices: grouped by SeriesNumber, size and orientation",)


def test_slices_without_a_series_belong_to_the_only_one(header: SliceHeader) -> None:
    (stack,) = stacks([*at(header, 0, 10), *at(header, 5, 15, series="")])
    assert stack.positions_mm.tolist() == [0, 5, 10, 15]
    assert stack.repairs == ("no SeriesInstanceUID in 2 slices: that of the others used",)


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ((7.127715, 7.127715), (7.13, 7.13), True),
        ((0.703125, 0.703125), (0.7, 0.7), True),
        ((0.9765625, 0.9765625), (0.98, 0.98), True),
        ((0.703125, 0.703125), (0.71, 0.71), False),  # further than two decimals round
        ((0.1, 0.1), (0.1045, 0.1), False),  # 4.5 %: other pixels, however near in mm
    ],
)
def test_rounded_spacing_is_the_same(
    header: SliceHeader, one: tuple[float, float], other: tuple[float, float], together: bool
) -> None:
    found = stacks([*at(header, 0, 10, pixel_spacing_mm=one), *at(header, 5, 15, pixel_spacing_mm=other, instance=9)])
    assert len(found) == 1 if together else len(found) == 2
    if together:
        assert {part.pixel_spacing_mm for part in found[0].slices} == {max(one, other, key=lambda s: len(repr(s)))}
        assert "PixelSpacing is rounded in some slices" in found[0].repairs[0]


def test_a_slice_without_spacing_has_that_of_the_others(header: SliceHeader) -> None:
    (stack,) = stacks([*at(header, 5, pixel_spacing_mm=()), *at(header, 0, 10, 15, pixel_spacing_mm=(0.7, 0.8))])
    assert {part.pixel_spacing_mm for part in stack.slices} == {(0.7, 0.8)}
    assert stack.repairs == ("no PixelSpacing in 1 slice: 0.7 × 0.8 mm used, as in the others",)


def test_an_implausible_value_is_a_fault_of_its_series(header: SliceHeader) -> None:
    wrong = at(header, 15, wrong=(("RescaleSlope", "RescaleSlope is '0,5': not a decimal number"),))
    sound = at(header, 0, 5, series="1.3")
    bad, good = stacks([*at(header, 0, 5, 10), *wrong, *sound])
    assert good.fault is None
    assert bad.fault is not None
    assert str(bad.fault) == (
        "1.dcm: RescaleSlope is '0,5': not a decimal number. Correct the tag, or export the series again."
    )
    with pytest.raises(ScanError, match="'0,5'"):
        longest([bad, good])
    assert exclusion_reason(bad, good) == "RescaleSlope is '0,5': not a decimal number"


def test_an_implausible_value_that_is_not_needed_is_noted(header: SliceHeader) -> None:
    wrong = (("SliceThickness", "SliceThickness is '1,25': not a decimal number"),)
    (stack,) = stacks(at(header, 0, 5, 10, wrong=wrong))
    assert stack.repairs == ("1.dcm: SliceThickness is '1,25': not a decimal number; it is not needed (and 2 more)",)


def test_exclusions_have_reasons(header: SliceHeader) -> None:
    chosen, *_ = stacks(at(header, 0, 5, 10))
    others: dict[str, dict[str, Any]] = {
        "another series (1.3)": {"series": "1.3"},
        "another size (2 × 4, not 4 × 4)": {"rows": 2},
        "another orientation": {"orientation": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)},
        "another PixelSpacing (2.0 × 2.0, not 1.0 × 1.0 mm)": {"pixel_spacing_mm": (2.0, 2.0)},
    }
    for reason, changes in others.items():
        assert exclusion_reason(stacks(at(header, 0, 5, **changes))[0], chosen) == reason
    one, two = stacks([*at(header, 0, 5, 10), *at(header, 0, 5, 10, acquisition="2")])
    assert exclusion_reason(two, one) == "another phase (AcquisitionNumber 2)"


@pytest.mark.parametrize(
    ("heights", "repair"),
    [
        ([0, 5, 10, 15], ""),
        ([0, 5, 10, 25, 30, 35, 40], "1 gap of up to 15 mm where 5 mm is the median: true positions used"),
        ([0, 5, 10, 15, 20, 35], "1 gap of up to 15 mm where 5 mm is the median: true positions used"),  # a fifth
        ([0, 4, 8, 12, 16, 20, 24, 28, 35, 42, 49], "slices between 4 and 7 mm apart: true positions used"),
        ([0, 4, 8, 12, 19, 26], "slices between 4 and 7 mm apart: true positions used"),
    ],
)
def test_gaps_are_listed(header: SliceHeader, heights: list[float], repair: str) -> None:
    (stack,) = stacks(at(header, *heights))
    assert "; ".join(stack.repairs) == repair


@pytest.mark.parametrize(
    ("last", "repairs"),
    [(105.0, ()), (105.5, ("1 gap of up to 15.5 mm where 10 mm is the median: true positions used",))],
)
def test_a_gap_is_more_than_one_and_a_half_steps(header: SliceHeader, last: float, repairs: tuple[str, ...]) -> None:
    (stack,) = stacks(at(header, *range(0, 100, 10), last))
    assert stack.repairs == repairs
