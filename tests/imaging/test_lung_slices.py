import numpy as np
import pytest

from pulmo.imaging.lung_slices import SliceFormat, lung_slices
from pulmo.imaging.volume import Volume

UPRIGHT = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])


def volume_of(hu: np.ndarray, positions_mm: list[float] | None = None, directions: np.ndarray = UPRIGHT) -> Volume:
    """Slices 10 mm apart by default, pixels 2 mm high and 1 mm wide."""
    return Volume(
        hu=hu.astype(np.int16),
        positions_mm=np.array(positions_mm or 10.0 * np.arange(len(hu))),
        pixel_spacing_mm=(2.0, 1.0),
        directions=directions,
        shear_mm=np.zeros((len(hu), 2)),
        repairs=(),
        source="made here",
    )


@pytest.fixture
def body() -> tuple[np.ndarray, np.ndarray]:
    """Tissue of −50 HU with a lung of 4 × 8 pixels (8 × 8 mm) in each of 6 slices, of −100·(slice + 1) HU."""
    hu, labels = np.full((6, 20, 30), -50), np.zeros((6, 20, 30), np.uint8)
    labels[:, 10:14, 3:11] = 1
    for index in range(6):
        hu[index, 10:14, 3:11] = -100 * (index + 1)
    return hu, labels


def test_lungs_are_centred_scaled_and_masked(body: tuple[np.ndarray, np.ndarray]) -> None:
    hu, labels = body
    slices = lung_slices(volume_of(hu), labels, SliceFormat(slices=6, pixels=16, field_mm=32.0))
    assert (slices.shape, slices.dtype) == ((6, 16, 16), np.dtype(np.int16))
    # 2 mm per pixel: 8 mm are 4 pixels.
    for index, image in enumerate(slices):
        assert (image[6:10, 6:10] == -100 * (index + 1)).all()
        assert np.count_nonzero(image != -1024) == 16


def test_lungs_larger_than_the_field_are_cropped_symmetrically(body: tuple[np.ndarray, np.ndarray]) -> None:
    hu, labels = body
    hu[0, 10:14, 3:11] = np.arange(8)
    (image,) = lung_slices(volume_of(hu[:3]), labels[:3], SliceFormat(1, 4, 4.0))[:, :, :]
    assert (image == -200).all()  # 1 mm per pixel: 8 × 8 pixels, of which the middle 4 × 4 are kept
    first = lung_slices(volume_of(hu[:3]), labels[:3], SliceFormat(3, 4, 4.0))[0]
    assert first.tolist() == [[2, 3, 4, 5]] * 4


def test_slices_represent_equal_fractions_of_the_volume(body: tuple[np.ndarray, np.ndarray]) -> None:
    hu, labels = body
    # The slices represent 10, 10, 10, 10, 20 and 20 mm (up to the midpoints; beyond the last, the usual
    # one), so their middles lie at 5, 15, 25, 35, 50 and 70 of 80 mm; those of three equal parts at 13, 40 and 67.
    positions = [0.0, 10, 20, 30, 40, 70]
    chosen = lung_slices(volume_of(hu, positions), labels, SliceFormat(3, 4, 4.0))
    assert chosen[:, 2, 2].tolist() == [-200, -400, -600]


def test_a_scan_of_few_slices_repeats_some(body: tuple[np.ndarray, np.ndarray]) -> None:
    hu, labels = body
    chosen = lung_slices(volume_of(hu[:3]), labels[:3], SliceFormat(6, 4, 4.0))
    assert chosen[:, 2, 2].tolist() == [-100, -100, -200, -200, -300, -300]


def test_a_prone_patient_is_flipped(body: tuple[np.ndarray, np.ndarray]) -> None:
    hu, labels = body
    hu[:, 10, 3:11] = -900  # the first row: towards the front
    wanted = SliceFormat(1, 4, 8.0)
    front = lung_slices(volume_of(hu), labels, wanted)[0]
    turned = lung_slices(volume_of(hu, directions=UPRIGHT * [-1, -1, 1]), labels, wanted)[0]
    assert (front[0] == -900).all()
    assert (turned[-1] == -900).all()
    np.testing.assert_array_equal(turned, front[::-1, ::-1])


def test_padding_inside_the_lungs_is_air(body: tuple[np.ndarray, np.ndarray]) -> None:
    hu, labels = body
    hu[:] = -2048
    assert (lung_slices(volume_of(hu), labels, SliceFormat(2, 8, 16.0)) == -1024).all()
