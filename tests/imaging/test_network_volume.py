"""Network input of small volumes with known results."""

import numpy as np
import pytest

from pulmo.imaging.area_resample import Size
from pulmo.imaging.network_volume import LungFormat, network_volume
from pulmo.imaging.volume import Volume

UPRIGHT = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
AIR = -1024


def format_of(size: tuple[int, int, int], **changes: object) -> LungFormat:
    values: dict[str, object] = {
        "channels": ("mean",),
        "masked": True,
        "cropped": True,
        "margin_mm": 0.0,
        "vessel_mm": 3.0,
        "slice_share": 1.0,
        **changes,
    }
    return LungFormat(Size(*size), **values)  # type: ignore[arg-type]


def volume_of(hu: np.ndarray, directions: np.ndarray = UPRIGHT) -> Volume:
    """Slices 4 mm apart, pixels of 1.5 mm."""
    count = len(hu)
    return Volume(hu.astype(np.int16), 4.0 * np.arange(count), (1.5, 1.5), directions, np.zeros((count, 2)), (), "here")


@pytest.fixture
def chest() -> tuple[np.ndarray, np.ndarray]:
    """A lung of −850 HU, 30 × 40 pixels in each of 12 slices, in tissue of 40 HU; a vessel of 2 pixels runs through,
    and a nodule of 8 × 8 pixels lies in slices 5 and 6."""
    hu, labels = np.full((14, 60, 70), 40), np.zeros((14, 60, 70), np.uint8)
    labels[1:13, 10:40, 20:60] = 1
    hu[labels > 0] = -850
    hu[1:13, 20:22, 20:60] = 50
    hu[5:7, 26:34, 30:38] = 30
    return hu, labels


def test_masking_and_cropping_leave_the_lungs(chest: tuple[np.ndarray, np.ndarray]) -> None:
    hu, labels = chest
    small = network_volume(volume_of(hu), labels, format_of((12, 30, 40)))
    assert (small.shape, small.dtype) == ((12, 30, 40, 1), np.dtype(np.int16))
    np.testing.assert_array_equal(small[..., 0], hu[1:13, 10:40, 20:60])
    whole = network_volume(volume_of(hu), labels, format_of((14, 60, 70), cropped=False))
    assert (whole[..., 0][labels == 0] == AIR).all()
    np.testing.assert_array_equal(whole[..., 0][labels > 0], hu[labels > 0])


def test_the_whole_scan_needs_no_lungs_and_padding_is_air(chest: tuple[np.ndarray, np.ndarray]) -> None:
    hu = chest[0].copy()
    hu[:, :3] = -2048
    wanted = format_of((7, 30, 35), masked=False, cropped=False)
    small = network_volume(volume_of(hu), None, wanted)[..., 0]
    assert not wanted.needs_lungs
    assert (small[:, 0] == AIR).all()
    assert small.mean() == pytest.approx(np.maximum(hu, AIR).mean(), abs=0.5)


def test_enhancement_keeps_nodules_and_removes_vessels_and_large_parts(chest: tuple[np.ndarray, np.ndarray]) -> None:
    hu, labels = chest
    hu[1:13, 23:40, 50:60] = 35  # 48 mm high: no nodule, but dense
    small = network_volume(volume_of(hu), labels, format_of((12, 30, 40), channels=("mean", "nodule_enhanced")))
    nodule_enhanced = small[..., 1]
    assert (nodule_enhanced[4:6, 17:23, 11:17] == 30).all()
    assert (nodule_enhanced[4:6] == 30).sum() == 2 * (8 * 8 - 4 * 3)  # the disc rounds corners
    assert (
        nodule_enhanced[nodule_enhanced != 30] == AIR
    ).all()  # where the vessel and the large part were, and all lung
    assert (small[:, 10:12, :, 0] == 50).all()  # the mean still shows it


def test_slices_with_a_nodule_are_selected(chest: tuple[np.ndarray, np.ndarray]) -> None:
    hu, labels = chest
    small = network_volume(volume_of(hu), labels, format_of((2, 30, 40), slice_share=1 / 6))
    np.testing.assert_array_equal(small[..., 0], hu[5:7, 10:40, 20:60])


def test_a_margin_includes_nodules_at_the_pleura(chest: tuple[np.ndarray, np.ndarray]) -> None:
    hu, labels = chest
    size = (12, 32, 42)  # one pixel wider all round
    small = network_volume(volume_of(hu), labels, format_of(size, margin_mm=1.5))[..., 0]
    np.testing.assert_array_equal(small[:, 1:-1, 1:-1], hu[1:13, 10:40, 20:60])
    assert (small[:, 0, 1:-1] == 40).all()
    assert (small[:, 0, 0] == AIR).all()  # a ball reaches no corner


def test_prone_volumes_are_flipped(chest: tuple[np.ndarray, np.ndarray]) -> None:
    hu, labels = chest
    wanted = format_of((12, 10, 10), channels=("mean", "nodule_enhanced"))
    back = network_volume(volume_of(hu), labels, wanted)
    turned = UPRIGHT * [-1, -1, 1]
    stomach = network_volume(volume_of(hu[:, ::-1, ::-1], turned), labels[:, ::-1, ::-1], wanted)
    np.testing.assert_array_equal(back, stomach)


@pytest.mark.parametrize(("columns", "kept"), [(26, True), (27, False)])
def test_a_nodule_is_40_mm_wide_at_most(chest: tuple[np.ndarray, np.ndarray], columns: int, kept: bool) -> None:
    """Of 1.5 mm each: 39 or 40.5 mm."""
    hu, labels = chest
    hu[5:7, 26:34, 25 : 25 + columns] = 30
    small = network_volume(volume_of(hu), labels, format_of((12, 30, 40), channels=("nodule_enhanced",)))
    assert (small[4, 20, 10, 0] == 30) == kept


@pytest.mark.parametrize(("hu_of_nodule", "kept"), [(-399, True), (-400, False)])
def test_a_nodule_is_denser_than_minus_400(chest: tuple[np.ndarray, np.ndarray], hu_of_nodule: int, kept: bool) -> None:
    hu, labels = chest
    hu[5:7, 26:34, 30:38] = hu_of_nodule
    small = network_volume(volume_of(hu), labels, format_of((12, 30, 40), channels=("nodule_enhanced",)))
    assert small[4, 20, 14, 0] == (hu_of_nodule if kept else AIR)
