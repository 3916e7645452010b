"""Cautions beside a good mask: truncated lungs, gaps, thick slices, dense disease outside the mask."""

from dataclasses import replace

import numpy as np
import pytest

from pulmo.imaging.cautions import cautions
from pulmo.imaging.lungs import LungMask
from pulmo.imaging.quality import Quality
from pulmo.imaging.volume import Volume

COUNT = 40
VOLUME = Volume(
    hu=np.zeros((COUNT, 20, 20), np.int16),
    positions_mm=5.0 * np.arange(COUNT),
    pixel_spacing_mm=(10.0, 10.0),
    directions=np.eye(3),
    shear_mm=np.zeros((COUNT, 2)),
    repairs=(),
    source="",
    thickness_mm=1.25,
)


def mask(areas: dict[int, int] | None = None, edge_litres: float = 0.0) -> LungMask:
    """200 voxels of lung in slices 5 to 34, and as many as `areas` has in others; 3 litres of lung."""
    labels = np.zeros(VOLUME.hu.shape, np.uint8)
    for index, count in (dict.fromkeys(range(5, 35), 200) | (areas or {})).items():
        labels[index].flat[:count] = 1
    quality = Quality("good", (), 0, litres=3.0, share=0.2, balance=0.5, roughness=1.0, pixel_ratio=5.0)
    return LungMask(labels, quality, np.full(4096, edge_litres / 4096))


def test_whole_lungs_in_thin_slices_need_no_caution() -> None:
    assert cautions(VOLUME, mask({0: 2, COUNT - 1: 2}, edge_litres=0.044)) == ()


def test_lungs_at_the_ends() -> None:
    first, last = cautions(VOLUME, mask({0: 10, COUNT - 1: 100}))
    assert first.startswith("The lungs reach the first slice (5% of their largest area)")
    assert last.startswith("The lungs reach the last slice (50% of their largest area)")


@pytest.mark.parametrize(("missing", "caution"), [(0, False), (1, True)])
def test_gaps(missing: int, caution: bool) -> None:
    positions = VOLUME.positions_mm + 5.0 * missing * (np.arange(COUNT) >= 20)
    found = cautions(replace(VOLUME, positions_mm=positions), mask())
    # 10 mm of the lungs' 29 × 5 mm + 5 mm
    expected = "A gap between slices is 7% of the lungs' height: litres there are estimated from the neighbours."
    assert found == ((expected,) if caution else ())


def test_thick_slices() -> None:
    (caution,) = cautions(replace(VOLUME, thickness_mm=5.0), mask())
    assert caution.startswith("Slices are 5 mm thick: the emphysema fraction")
    assert cautions(replace(VOLUME, thickness_mm=0.0), mask()) == ()  # unknown


def test_disease_outside_the_mask() -> None:
    (caution,) = cautions(VOLUME, mask(edge_litres=0.09))
    assert caution.startswith("90 ml of dense tissue lie outside the mask")


def test_a_fiftieth_of_the_largest_area_at_an_end_is_more_than_noise() -> None:
    """3 of 200 voxels; 2 are exactly one percent, which is not."""
    (caution,) = cautions(VOLUME, mask({0: 3, COUNT - 1: 2}))
    assert caution.startswith("The lungs reach the first slice (2% of their largest area)")


@pytest.mark.parametrize(("gap_mm", "caution"), [(5.0, False), (7.0, True)])
def test_a_gap_in_thin_slices_is_more_than_3_percent_of_the_height(gap_mm: float, caution: bool) -> None:
    positions = np.arange(200.0)
    positions[100:] += gap_mm - 1
    areas = np.full((200, 10, 10), 1, np.uint8)
    areas[[0, -1]] = 0  # 198 slices of lung
    fine = replace(VOLUME, hu=np.zeros(areas.shape, np.int16), positions_mm=positions, shear_mm=np.zeros((200, 2)))
    found = cautions(fine, replace(mask(), labels=areas))
    assert [sentence[:38] for sentence in found] == ["A gap between slices is 3% of the lungs"[:38]] * caution


@pytest.mark.parametrize(("thickness_mm", "caution"), [(2.0, False), (2.5, True)])
def test_slices_of_more_than_2_mm_are_thick(thickness_mm: float, caution: bool) -> None:
    assert len(cautions(replace(VOLUME, thickness_mm=thickness_mm), mask())) == caution


def test_dense_tissue_is_disease_from_15_ml_a_litre_on() -> None:
    """Of 3 litres: 45 ml."""
    litres = np.zeros(4096)
    litres[1064] = 0.045
    assert cautions(VOLUME, replace(mask(), edge_litres=litres)) == ()
    litres[1064] = 0.046
    assert cautions(VOLUME, replace(mask(), edge_litres=litres))[0].startswith("46 ml of dense tissue")
    assert cautions(VOLUME, replace(mask(), edge_litres=None)) == ()  # not computed
