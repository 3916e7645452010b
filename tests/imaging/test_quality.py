import numpy as np
import pytest

from pulmo.imaging.downsample import CoarseGrid
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import ChestAir
from pulmo.imaging.lungs import segment_lungs
from pulmo.imaging.mask_defects import MaskDefects
from pulmo.imaging.quality import Quality, assess_mask, assess_quality
from pulmo.imaging.reading import read_volume
from pulmo.imaging.volume import Volume
from pulmo.phantom.chest import Body
from pulmo.phantom.geometry import Grid, axial
from tests.imaging.conftest import WriteScan


def test_a_mask_of_nothing_and_one_of_single_voxels_are_unusable(
    write_scan: WriteScan, small_body: Body, small_grid: Grid
) -> None:
    volume = read_volume(write_scan(small_body, small_grid))
    labels = np.zeros(volume.hu.shape, np.uint8)
    nothing = assess_mask(volume, labels)
    assert nothing.verdict == "unusable"
    assert (nothing.litres, nothing.share, nothing.pixel_ratio) == (0, 0, 0)
    for row in range(80, 84):  # wherever the coarse grid takes its samples, some of these lie between them
        labels[:] = 0
        labels[20, row, 81] = 1
        quality = assess_mask(volume, labels)
        assert quality.verdict == "unusable"
        assert quality.litres == 1 * float(volume.voxel_litres[20])


def test_distant_slices_are_doubted(write_scan: WriteScan, small_body: Body) -> None:
    """Without the middle of an ellipsoid, whose area is A(1 − z²/c²): f″ is 2A/c², the volume V is 4Ac/3.

    Here V is 1.8 litres and c 89 mm, so a step of 48 mm has an error of 48³/12 · 1.5 V/c³ = 0.035 litres.
    """
    heights = [float(mm) for mm in range(-126, 126, 6) if abs(mm) > 20]
    mask = segment_lungs(read_volume(write_scan(small_body, axial(heights, (160, 160), 1.7))))
    assert mask.quality.verdict == "doubtful"
    (reason,) = mask.quality.reasons
    assert reason.startswith("slices up to 48 mm apart, 27% of the lungs' height")
    assert float(reason.rpartition("±")[2]) == pytest.approx(2 * 0.035, abs=0.01)
    assert mask.quality.litres == pytest.approx(1.8 - 0.035, abs=0.015)


NO_DEFECTS = MaskDefects(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, False, 0.0, False)
SOUND = [(300, 400), (600, 800), (300, 400)]  # 2.8 litres, of which 43 % are left


def assessed(areas: list[tuple[int, int]], tissue: int = 3000, defects: MaskDefects = NO_DEFECTS) -> Quality:
    """A mask with these voxels of the left and right lung in each slice, and tissue; a voxel is 1 ml."""
    hu = np.full((len(areas), 100, 120), -1000, np.int16)
    hu.reshape(-1)[:tissue] = 40
    labels = np.zeros(hu.shape, np.uint8)
    for plane, (left, right) in zip(labels.reshape(len(areas), -1), areas, strict=True):
        plane[:left], plane[left : left + right] = LEFT, RIGHT
    positions = 10.0 * np.arange(len(areas))
    volume = Volume(hu, positions, (10.0, 10.0), np.eye(3), np.zeros((len(areas), 2)), (), "")
    nowhere = np.zeros(hu.shape, bool)
    grid = CoarseGrid(hu, ~nowhere, (10.0, 10.0, 10.0), (1, 1, 1), (0, 1, 2), (False, False, False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pulmo.imaging.quality.measure_defects", lambda *_: defects)
        return assess_quality(volume, labels, ChestAir(grid, nowhere, nowhere, nowhere, None, -1000.0))


def test_the_measures_of_a_sound_mask() -> None:
    quality = assessed(SOUND)
    assert (quality.verdict, quality.reasons, quality.mask_faults) == ("good", (), 0)
    assert quality.litres == pytest.approx(2.8)
    assert quality.share == pytest.approx(2.8 / 5.8)
    assert quality.balance == pytest.approx(1200 / 2800)
    assert quality.roughness == 1  # each lung's area rises and falls once
    assert quality.pixel_ratio == pytest.approx((36_000 - 2800) / 2800)


@pytest.mark.parametrize(
    ("areas", "tissue", "verdict", "reason"),
    [
        ([(200, 200), (205, 205)], 3000, "good", None),
        ([(200, 200), (195, 195)], 3000, "doubtful", "0.79 litres"),
        ([(2450, 2500), (2500, 2500)], 9000, "good", None),
        ([(2510, 2510), (2500, 2500)], 9000, "doubtful", "10.02 litres"),
        ([(160, 840), (160, 840)], 3000, "good", None),
        ([(140, 860), (140, 860)], 3000, "doubtful", "left lung 14% of both"),
        ([(860, 140), (860, 140)], 3000, "doubtful", "left lung 86% of both"),
        ([(0, 1000), (0, 1000)], 3000, "doubtful", "left lung 0% of both"),
        # Up to 500, down to 200, up to 500, down: 1,600 where 1,000 is a single rise and fall.
        ([(500, 500), (200, 200), (500, 500)], 3000, "good", None),
        ([(500, 500), (190, 190), (500, 500)], 3000, "doubtful", "area uneven along the normal (1.62)"),
    ],
)
def test_implausible_measures_are_reasons(
    areas: list[tuple[int, int]], tissue: int, verdict: str, reason: str | None
) -> None:
    quality = assessed(areas, tissue)
    assert (quality.verdict, quality.reasons) == (verdict, (reason,) if reason else ())
    assert quality.mask_faults == (reason is not None)


@pytest.mark.parametrize(
    ("areas", "tissue", "reasons"),
    [
        ([(40, 40), (40, 40)], 1000, ("0.16 litres",)),
        ([(35, 35), (35, 35)], 1000, ("0.14 litres", "12.3% of the body")),  # 0.14 of 1.14 litres
        ([(100, 100), (100, 100)], 19_000, ("0.40 litres",)),  # 0.4 of 19.4 litres
        ([(100, 100), (100, 100)], 20_600, ("0.40 litres", "1.9% of the body")),  # 0.4 of 21 litres
    ],
)
def test_few_litres_or_a_small_part_of_the_body_are_not_lungs(
    areas: list[tuple[int, int]], tissue: int, reasons: tuple[str, ...]
) -> None:
    quality = assessed(areas, tissue)
    assert (quality.verdict, quality.reasons) == ("unusable" if len(reasons) == 2 else "doubtful", reasons)


@pytest.mark.parametrize(
    ("defects", "mask_faults", "reasons"),
    [
        ({"gas_litres": 0.0041}, 1, ["4 ml of gas in airways or gut"]),
        ({"gas_litres": 0.0039, "light_litres": 0.019}, 0, []),
        ({"light_litres": 0.021}, 1, ["21 ml as light as air in the lower half"]),
        ({"gas_litres": 0.0041, "light_litres": 0.021}, 1, ["4 ml of gas in airways or gut"]),
        ({"missing": 0.03, "open_rim": 0.03, "dense": 0.02, "outside": 0.1, "at_ends": 0.12, "at_field": 0.03}, 0, []),
        ({"missing": 0.031}, 1, ["3% more with the density of lung beside the mask"]),
        ({"open_rim": 0.031}, 1, ["density of lung beyond 3% of the border"]),
        ({"dense": 0.021}, 1, ["2% of the mask is solid tissue"]),
        ({"outside": 0.11}, 1, ["11% of the mask is not between tissue"]),
        ({"outside": 0.11, "at_field": 0.03}, 1, ["11% of the mask is not between tissue"]),
        ({"swapped": True}, 1, ["left and right swapped"]),
        ({"at_ends": 0.121}, 0, ["truncated by the first or last slice, which has 12% of the largest area"]),
        ({"at_field": 0.031}, 0, ["truncated by the field of view along 3% of the border"]),
        (  # what lies beyond a truncated lung is not in the image
            {"at_field": 0.031, "outside": 0.11},
            0,
            ["truncated by the field of view along 3% of the border", "11% of the mask is not between tissue"],
        ),
        ({"step": 0.12, "step_mm": 24.0}, 0, []),
        (
            {"step": 0.13, "step_mm": 26.0, "sampling_litres": 0.041},
            0,
            ["slices up to 26 mm apart, 13% of the lungs' height: litres ± 0.041"],
        ),
        ({"step": 0.06, "step_mm": 12.0, "is_gap": True}, 0, []),
        (
            {"step": 0.07, "step_mm": 14.0, "is_gap": True, "sampling_litres": 0.02},
            0,
            ["slices up to 14 mm apart, 7% of the lungs' height: litres ± 0.02"],
        ),
    ],
)
def test_defects_are_reasons_beyond_their_limits(
    defects: dict[str, float | bool], mask_faults: int, reasons: list[str]
) -> None:
    quality = assessed(SOUND, defects=NO_DEFECTS._replace(**defects))  # type: ignore[arg-type]
    assert list(quality.reasons) == reasons
    assert quality.verdict == ("doubtful" if reasons else "good")
    assert quality.mask_faults == mask_faults
