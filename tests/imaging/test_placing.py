"""Positions of slices by all header tags."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pulmo.errors import ScanError
from pulmo.imaging.placing import AXIAL, oriented, placed, slice_normal
from pulmo.imaging.slices import SliceHeader
from tests.imaging.support import at

CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


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


def z_of(slices: tuple[SliceHeader, ...]) -> list[float]:
    return [header.position_mm[2] for header in slices]


@pytest.mark.parametrize(
    ("orientation", "repair"),
    [
        ((), "no ImageOrientationPatient: axial slices assumed"),
        ((0.0,) * 6, r"ImageOrientationPatient is 0\0\0\0\0\0: axial slices assumed"),
    ],
)
def test_positions_are_used_without_an_orientation(
    header: SliceHeader, orientation: tuple[float, ...], repair: str
) -> None:
    slices, repairs = oriented(at(header, 40, 20, 0, orientation=orientation, thickness_mm=1.25))
    assert {part.orientation for part in slices} == {AXIAL}
    assert repairs == (repair,)
    assert z_of(placed(slices).slices) == [40, 20, 0]
    assert placed(slices).repairs == ()


def test_an_orientation_that_some_slices_lack_is_that_of_the_others(header: SliceHeader) -> None:
    tilted = (1.0, 0.0, 0.0, 0.0, 0.8, -0.6)
    slices, repairs = oriented([*at(header, 0, 5, orientation=tilted), *at(header, 10, orientation=())])
    assert {part.orientation for part in slices} == {tilted}
    assert repairs == ("no ImageOrientationPatient in 1 slice: that of the other slices used",)


def test_axial_is_not_assumed_where_positions_contradict_it(header: SliceHeader) -> None:
    coronal = [replace(header, position_mm=(0.0, mm, 0.0), orientation=()) for mm in (0.0, 5.0, 10.0)]
    with pytest.raises(ScanError, match="no ImageOrientationPatient, and positions do not run from feet"):
        oriented(coronal)


@pytest.mark.parametrize(
    "orientation",
    [(1.0, 0.0, 0.0, 1.0, 0.0, 0.0), (0.5, 0.0, 0.0, 0.0, 0.5, 0.0), (1.0, 0.0, 0.0, 0.1, 0.995, 0.0)],
    ids=["parallel", "half as long", "no right angle"],
)
def test_invalid_directions_are_refused(header: SliceHeader, orientation: tuple[float, ...]) -> None:
    with pytest.raises(ScanError, match=r"ImageOrientationPatient is [\d.\\]+: not two orthogonal unit vectors"):
        oriented(at(header, 0, 5, orientation=orientation))


def test_rounded_directions_are_accepted(header: SliceHeader) -> None:
    slices, repairs = oriented(at(header, 0, 5, orientation=(1.0, 0.01, 0.0, -0.01, 0.98, 0.17)))
    assert repairs == ()
    assert len(slices) == 2


def test_slices_without_a_position_are_left_out(header: SliceHeader) -> None:
    found = placed([*at(header, 0, 5), *at(header, 0, position_mm=(), location_mm=None)])
    assert z_of(found.slices) == [0, 5]
    assert found.repairs == ("1 slice without a position left out",)


def test_by_slice_location(header: SliceHeader) -> None:
    nowhere = [replace(header, position_mm=(), location_mm=mm, instance=7) for mm in (30.0, 10.0, 20.0)]
    found = placed(nowhere)
    assert z_of(found.slices) == [30, 10, 20]
    assert found.repairs == ("no ImagePositionPatient: placed by SliceLocation",)
    few = placed([*nowhere, *at(header, 0, location_mm=40.0)])
    assert z_of(few.slices) == [30, 10, 20, 40]
    assert few.repairs == ("no ImagePositionPatient in 3 of 4 slices: placed by SliceLocation",)


def test_equal_positions_are_not_used(header: SliceHeader) -> None:
    same = [replace(header, location_mm=mm) for mm in (0.0, 20.0, 40.0)]
    found = placed(same)
    assert z_of(found.slices) == [0, 20, 40]
    assert found.repairs == (r"ImagePositionPatient is 0\0\0 in all slices: placed by SliceLocation",)


def test_positions_that_slice_locations_contradict_are_not_used(header: SliceHeader) -> None:
    half = [*(replace(header, location_mm=mm) for mm in (0.0, 5.0)), *at(header, 10, 15)]
    half = [*half[:2], *(replace(part, location_mm=part.position_mm[2]) for part in half[2:])]
    found = placed(half)
    assert z_of(found.slices) == [0, 5, 10, 15]
    assert found.repairs == (
        "1 slice at another's ImagePositionPatient, but not at its SliceLocation: placed by SliceLocation",
    )


def numbered(header: SliceHeader, **changes: Any) -> list[SliceHeader]:
    unplaced = [replace(header, position_mm=(), location_mm=None, instance=n) for n in (2, 1, 3)]
    return [replace(part, **changes) for part in unplaced]


def test_spacing_between_slices_precedes_thickness(header: SliceHeader) -> None:
    found = placed(numbered(header, step_mm=20.0, thickness_mm=1.25))
    assert z_of(found.slices) == [-40, -20, -60]
    assert found.repairs == (
        "no ImagePositionPatient: placed by InstanceNumber, counted from the head, and SpacingBetweenSlices, 20 mm",
    )
    touching = placed(numbered(header, thickness_mm=2.5))
    assert z_of(touching.slices) == [-5, -2.5, -7.5]
    assert touching.repairs == (
        "no ImagePositionPatient: placed by InstanceNumber, counted from the head, and SliceThickness, 2.5 mm "
        "(volumes are right only for contiguous slices)",
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"thickness_mm": 0.0}, "no SpacingBetweenSlices and no SliceThickness: the slices' positions are unknown"),
        ({"instance": 0}, "InstanceNumber is missing or not counted: the slices' positions are unknown"),
        (
            {"wrong": (("SliceThickness", "SliceThickness is '1,25': not a decimal number"),)},
            "SliceThickness is '1,25'",
        ),
        ({"wrong": (("SliceLocation", "SliceLocation is 'x': not a decimal number"),)}, "SliceLocation is 'x'"),
        ({"wrong": (("InstanceNumber", "InstanceNumber is 'x': not a decimal number"),)}, "InstanceNumber is 'x'"),
    ],
)
def test_a_distance_is_never_guessed(header: SliceHeader, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ScanError, match=message):
        placed(numbered(header, **changes))


def test_different_thicknesses_give_no_distance(header: SliceHeader) -> None:
    slices = [replace(part, thickness_mm=part.instance * 1.0) for part in numbered(header)]
    with pytest.raises(ScanError, match=r"SliceThickness differs \(1, 2, 3 mm\)"):
        placed(slices)


def test_a_single_slice_keeps_its_own_position(header: SliceHeader) -> None:
    """Two slices at one position contradict each other; one does not."""
    found = placed(at(header, 5.0, location_mm=7.0))
    assert [slice_.position_mm for slice_ in found.slices] == [(0.0, 0.0, 5.0)]
    assert found.repairs == ()


@pytest.mark.parametrize("sine", [0.049, 0.051])
def test_directions_may_be_a_twentieth_from_a_right_angle(header: SliceHeader, sine: float) -> None:
    slices = at(header, 0, 5, orientation=(1.0, 0.0, 0.0, sine, float(np.sqrt(1 - sine**2)), 0.0))
    if sine < 0.05:
        assert len(oriented(slices)[0]) == 2
    else:
        with pytest.raises(ScanError, match="not two orthogonal unit vectors"):
            oriented(slices)
