"""Masks against the truth, voxel by voxel, and their quality."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pulmo.imaging import lungs
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import LUNG_BELOW_HU
from pulmo.imaging.lungs import LungMask, _no_lungs, segment_lungs
from pulmo.imaging.quality import Quality
from pulmo.imaging.reading import read_volume
from pulmo.imaging.refine_mask import dilate_mm
from pulmo.imaging.volume import Volume
from pulmo.phantom.chest import Body, chest, plain_lungs
from pulmo.phantom.dicom import Encoding
from pulmo.phantom.draw import lung_labels
from pulmo.phantom.geometry import Grid, axial, evenly

WriteScan = Callable[..., Path]


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))


@pytest.mark.parametrize("joined", [False, True])
def test_left_and_right_are_the_patients(write_scan: WriteScan, joined: bool) -> None:
    grid = axial(evenly(50, 5.0), (190, 190), 1.5)
    body = chest(0.8, 1.0, 0.75)
    labels = segment_lungs(read_volume(write_scan(body.joined() if joined else body, grid))).labels
    truth = lung_labels(body, grid)
    for side in (LEFT, RIGHT):
        assert overlap(labels == side, truth == side) > 0.985


@pytest.mark.parametrize(
    ("shape", "encoding"),
    [
        ((100, 110), None),
        ((110, 110), Encoding(padding=0)),
        ((110, 110), Encoding(intercept=0, signed=True, padding=-2000)),
    ],
    ids=["by the image's edge", "by an undeclared-looking circle", "by a padded circle"],
)
def test_a_lung_truncated_by_the_field_of_view(
    write_scan: WriteScan, small_body: Body, shape: tuple[int, int], encoding: Encoding | None
) -> None:
    grid = axial(evenly(42, 6.0), shape, 1.7, centre_mm=(30.0, 0.0, 0.0))
    volume = read_volume(write_scan(small_body, grid, encoding))
    mask = segment_lungs(volume)
    truth = lung_labels(small_body, grid) * (volume.hu != -2048)
    assert truth.any(axis=(0, 1))[0] or encoding is not None  # the right lung reaches the edge
    for side in (LEFT, RIGHT):
        assert (mask.labels == side).sum() == pytest.approx((truth == side).sum(), rel=0.03)


def test_only_one_lung(write_scan: WriteScan, small_grid: Grid) -> None:
    body = replace(plain_lungs(0.8, 1.0, 0.75), left=None)
    mask = segment_lungs(read_volume(write_scan(body, small_grid)))
    assert not (mask.labels == LEFT).any()
    assert mask.quality.verdict == "doubtful"
    assert mask.quality.reasons == ("left lung 0% of both",)
    assert mask.quality.litres == pytest.approx(1.0, rel=0.02)


def test_vessels_are_filled_or_not(write_scan: WriteScan) -> None:
    body = plain_lungs(0.8, 1.0, 0.75).with_vessels()
    grid = axial(evenly(50, 5.0), (190, 190), 1.5)
    volume = read_volume(write_scan(body, grid))
    filled, open_ = (segment_lungs(volume, fill_structures=fill).labels > 0 for fill in (True, False))
    assert (volume.hu[open_] < LUNG_BELOW_HU).all()
    vessels = filled & ~open_
    assert vessels.sum() > 0.01 * filled.sum()
    assert (volume.hu[vessels] >= -400).mean() > 0.99


def test_quality_of_a_good_mask(write_scan: WriteScan, small_body: Body, small_grid: Grid) -> None:
    volume = read_volume(write_scan(small_body, small_grid))
    mask = segment_lungs(volume)
    quality = mask.quality
    assert quality.verdict == "good"
    assert quality.reasons == ()
    assert quality.litres == pytest.approx(1.8, rel=0.01)
    assert quality.balance == pytest.approx(0.8 / 1.8, abs=0.01)
    assert quality.roughness == pytest.approx(1.0, abs=0.02)  # an ellipsoid's area rises once and falls once
    lung = int((mask.labels > 0).sum())
    assert quality.pixel_ratio == pytest.approx((volume.hu.size - lung) / lung)


def test_dilation_is_a_ball_of_millimetres() -> None:
    # Slices 2 mm apart with a gap of 4 mm, pixels of 1 × 2 mm.
    positions = np.array([0.0, 2, 4, 8])
    volume = Volume(np.zeros((4, 11, 11), np.int16), positions, (1.0, 2.0), np.eye(3), np.zeros((4, 2)), (), "")
    mask = np.zeros(volume.hu.shape, bool)
    mask[2, 5, 5] = True
    grown = dilate_mm(mask, volume, 4.0)
    y, x = np.mgrid[-5:6, -5:6]
    for index, height in enumerate((-4, -2, 0, 4)):
        np.testing.assert_array_equal(grown[index], y**2 + (2 * x) ** 2 + height**2 <= 16)


@pytest.mark.parametrize(
    ("lowest", "step_mm", "words"),
    [
        (-699, 10.0, "no lungs in this scan: its lowest value is -699, far above air. Check its RescaleSlope and"),
        (-700, 9.99, "no lungs in this scan, which covers 80 mm. Give the whole chest"),
        (-700, 10.0, "no lungs in this scan. Give a chest CT that shows them"),
    ],
)
def test_why_there_are_no_lungs(lowest: int, step_mm: float, words: str) -> None:
    """Eight slices of 9.99 mm, or of 10 mm; padding is no value."""
    hu = np.zeros((8, 4, 4), np.int16)
    hu[1, 1] = -2048
    hu[1, 2] = lowest
    volume = Volume(hu, step_mm * np.arange(8), (1.0, 1.0), np.eye(3), np.zeros((8, 2)), (), "here")
    fault = _no_lungs(volume)
    assert str(fault).startswith(f"here: {words}")


def test_a_mask_is_shown_in_one_line() -> None:
    quality = Quality("good", (), 0, litres=3.25, share=0.2, balance=0.46, roughness=1.0, pixel_ratio=5.0)
    assert repr(LungMask(np.zeros((1, 1, 1), np.uint8), quality)) == "LungMask(3.25 litres, left 46%, good)"


@pytest.mark.parametrize(
    ("faults", "best", "tried"),
    [
        ((0, 0, 0, 0), 0, 1),  # none: no other is tried
        ((2, 2, 2, 2), 0, 4),  # of equal ones the first
        ((2, 1, 1, 3), 1, 4),
        ((2, 1, 0, 0), 2, 3),
    ],
)
def test_attempts_go_on_until_a_mask_has_no_fault(
    monkeypatch: pytest.MonkeyPatch, faults: tuple[int, ...], best: int, tried: int
) -> None:
    """The first to the fourth attempt have so many faults; their labels are their numbers."""
    made: list[int] = []

    def refined(*_: object) -> np.ndarray:
        made.append(len(made))
        return np.full((1, 1, 1), made[-1], np.uint8)

    def assessed(_: Volume, labels: np.ndarray, __: object) -> Quality:
        number = faults[labels.item()]
        return Quality("doubtful" if number else "good", (), number, 3.0, 0.2, 0.5, 1.0, 5.0)

    grid = SimpleNamespace(sampled=lambda labels: labels)
    for name, replacement in {
        "downsample": lambda _: grid,
        "find_chest_air": lambda _: None,
        "find_lungs": lambda *_: (None, None),
        "refine_mask": refined,
        "assess_quality": assessed,
        "edge_of_lungs": lambda _, labels: labels + 10,
        "edge_histogram": lambda _, edge: edge,
    }.items():
        monkeypatch.setattr(lungs, name, replacement)
    volume = Volume(np.zeros((1, 1, 1), np.int16), np.zeros(1), (1.0, 1.0), np.eye(3), np.zeros((1, 2)), (), "here")
    mask = segment_lungs(volume)
    assert (mask.labels.item(), len(made)) == (best, tried)
    assert mask.edge_litres is not None
    assert mask.edge_litres.item() == best + 10
