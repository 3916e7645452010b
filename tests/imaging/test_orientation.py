"""The thirds of a chest, what is compared between them, and how a scan is turned."""

from dataclasses import replace

import numpy as np
import pytest

from pulmo.imaging import orientation
from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.lung_components import ChestAir
from pulmo.imaging.orientation import _more_tissue_above, _thirds, oriented_by_anatomy
from pulmo.imaging.volume import Volume


def air_with(*areas: int) -> np.ndarray:
    """Planes of ten by ten with so many voxels of air."""
    return np.array([np.arange(100) < area for area in areas]).reshape(-1, 10, 10)


def test_thirds_of_nine_planes() -> None:
    assert _thirds(air_with(0, *[50] * 9, 0)) == (slice(1, 4), slice(7, 10))


def test_planes_with_less_than_15_percent_of_the_most_air_are_not_lung() -> None:
    assert _thirds(air_with(14, 15, *[100] * 4, 15, 14)) == (slice(1, 3), slice(5, 7))


def test_two_planes_are_a_third_each_and_no_air_has_none() -> None:
    assert _thirds(air_with(1, 1)) == (slice(0, 1), slice(1, 2))
    assert _thirds(air_with(0, 0)) == (slice(0), slice(0))


def test_tissue_between_air_is_compared_by_the_air() -> None:
    """Below 2 voxels of tissue to 6 of air, a third; above 4 to 8, a half, which is just one and a half times that."""
    air = np.zeros((3, 1, 12), bool)
    air[:, 0, [0, 1, 2, 5, 6, 7]] = True
    air[2] = False
    air[2, 0, [0, 1, 2, 3, 8, 9, 10, 11]] = True
    assert not _more_tissue_above(air, ~air)
    air[2, 0, 11] = False  # 4 to 7, and what is beyond the air does not count
    assert _more_tissue_above(air, ~air)


def tilted() -> Volume:
    """Three slices 0, 10 and 30 mm up, each 2 mm further back and 1 mm further left than the one before."""
    return Volume(
        hu=np.arange(3 * 2 * 2, dtype=np.int16).reshape(3, 2, 2),
        positions_mm=np.array([0.0, 10, 30]),
        pixel_spacing_mm=(1.0, 1.0),
        directions=np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]]),
        shear_mm=np.array([[0.0, 0], [2, 1], [4, 2]]),
        repairs=("first",),
        source="",
        origin_mm=(-50.0, 20.0, 100.0),
    )


@pytest.mark.parametrize(
    ("in_front", "upside_down", "directions", "origin_mm", "words"),
    [
        (True, False, [[0, 0, 1], [0, -1, 0], [-1, 0, 0]], (50, -20, 100), "left and right were swapped"),
        # The last slice, at (−48, 24, 130), is the first of the reversed ones.
        (True, True, [[0, 0, 1], [0, -1, 0], [1, 0, 0]], (-48, -24, -130), "and their apex at the feet"),
        (False, True, [[0, 0, 1], [0, 1, 0], [1, 0, 0]], (-48, 24, -130), "slices reversed: by their positions"),
    ],
)
def test_what_contradicts_the_anatomy_is_turned(
    monkeypatch: pytest.MonkeyPatch,
    in_front: bool,
    upside_down: bool,
    directions: list[list[int]],
    origin_mm: tuple[float, float, float],
    words: str,
) -> None:
    monkeypatch.setattr(orientation, "spine_in_front", lambda *_: in_front)
    monkeypatch.setattr(orientation, "_more_tissue_above", lambda *_: upside_down)
    monkeypatch.setattr(orientation, "_airway_below", lambda *_: True)
    found, before = oriented_by_anatomy(tilted()), tilted()
    assert found.directions.tolist() == directions
    assert found.origin_mm == origin_mm
    assert found.repairs[0] == "first"
    assert words in found.repairs[-1]
    if upside_down:
        np.testing.assert_array_equal(found.hu, before.hu[::-1])
        assert found.positions_mm.tolist() == [-30, -10, 0]
        assert found.shear_mm.tolist() == [[0, 0], [-2, -1], [-4, -2]]
    else:
        np.testing.assert_array_equal(found.hu, before.hu)


@pytest.mark.parametrize(("tissue", "airway"), [(True, False), (False, True), (False, False)])
def test_only_both_signs_of_an_apex_at_the_feet_turn(
    monkeypatch: pytest.MonkeyPatch, tissue: bool, airway: bool
) -> None:
    monkeypatch.setattr(orientation, "spine_in_front", lambda *_: False)
    monkeypatch.setattr(orientation, "_more_tissue_above", lambda *_: tissue)
    monkeypatch.setattr(orientation, "_airway_below", lambda *_: airway)
    volume = tilted()
    assert oriented_by_anatomy(volume) is volume


def test_slices_that_are_not_axial_are_not_reversed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orientation, "spine_in_front", lambda *_: False)
    monkeypatch.setattr(orientation, "_more_tissue_above", lambda *_: True)
    monkeypatch.setattr(orientation, "_airway_below", lambda *_: True)
    coronal = replace(tilted(), directions=np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]))
    assert oriented_by_anatomy(coronal) is coronal


@pytest.mark.parametrize(
    ("above", "below", "column", "spine", "found"),
    [
        (5, 8, 10, (5.0, 10.0), True),
        (6, 8, 10, (5.0, 10.0), False),
        (5, 7, 10, (5.0, 10.0), False),
        (5, 8, 19, (5.0, 10.0), True),
        (5, 8, 20, (5.0, 10.0), False),  # 30 mm from the middle
        (5, 8, 29, None, True),  # without a spine that is the image's, column 20
        (5, 8, 30, None, False),
    ],
)
def test_the_airway_is_below_where_it_fills_four_fifths_there_and_half_above_at_most(
    monkeypatch: pytest.MonkeyPatch,
    above: int,
    below: int,
    column: int,
    spine: tuple[float, float] | None,
    found: bool,
) -> None:
    """Of ten planes each, in voxels of 3 mm."""
    hu = np.full((30, 10, 40), 40, np.int16)
    hu[:, 2:8, 2:18] = -800
    gas = np.zeros(hu.shape, bool)
    gas[:below, 5, column] = gas[30 - above :, 5, column] = True
    everywhere = np.ones(hu.shape, bool)
    grid = CoarseGrid(hu, everywhere, (3.0, 3.0, 3.0), (1, 1, 1), (0, 1, 2), (False, False, False))
    chest = ChestAir(grid, everywhere, everywhere, gas, spine, -1000.0)
    monkeypatch.setattr(orientation, "downsample", lambda _: None)
    monkeypatch.setattr(orientation, "find_chest_air", lambda _: chest)
    assert orientation._airway_below(tilted()) == found
