"""Lungs in X-rays, after the network: at the image's size, two of them, left and right."""

from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pulmo.errors import UserError
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.radiograph import Radiograph, RadiographHeader
from pulmo.models.lung_network import PIXELS
from pulmo.phantom.exposure import random_exposure, random_thorax
from pulmo.phantom.radiograph import draw
from pulmo.radiographs import lungs
from pulmo.radiographs.frontal import assess_frontal
from pulmo.radiographs.lungs import flip_averaged, letterboxed, segment_lungs
from pulmo.radiographs.reading import read_image

Network = Callable[[np.ndarray], np.ndarray]


def network_of(probability: np.ndarray) -> Network:
    return lambda image: probability


def blank() -> np.ndarray:
    return np.zeros((PIXELS, PIXELS), np.float32)


def test_an_image_keeps_its_aspect_ratio_between_black_bars() -> None:
    wide = np.full((60, 120), 200, np.uint8)
    expected = np.zeros((32, 32), np.uint8)
    expected[8:24] = 200
    np.testing.assert_array_equal(letterboxed(wide, 32), expected)
    np.testing.assert_array_equal(letterboxed(np.ascontiguousarray(wide.T), 32), expected.T)
    np.testing.assert_array_equal(letterboxed(np.full((5, 5), 7, np.uint8), 32), np.full((32, 32), 7))


@pytest.mark.parametrize("shape", [(96, 192), (480, 960), (2000, 4000)])
def test_masks_have_the_images_own_size_and_place(shape: tuple[int, int]) -> None:
    """In the letterboxed image rows 48 to 144 are the image's: a lung there at 60 to 120 is at 1/8 to 3/4 of it."""
    probability = blank()
    probability[60:120, 24:72] = probability[60:120, 120:168] = 1
    labels = segment_lungs(np.zeros(shape, np.uint8), network=network_of(probability)).labels
    rows, columns = shape
    expected = np.zeros(shape, np.uint8)
    expected[rows // 8 : rows * 3 // 4, columns // 8 : columns * 3 // 8] = RIGHT
    expected[rows // 8 : rows * 3 // 4, columns * 5 // 8 : columns * 7 // 8] = LEFT
    assert labels.shape == shape
    assert (labels != expected).mean() < 0.001  # corners are rounded


def test_the_patients_right_is_on_the_left_unless_mirrored() -> None:
    probability = blank()
    probability[50:150, 30:80], probability[50:150, 110:150] = 1, 1
    image = np.zeros((PIXELS, PIXELS), np.uint8)
    usual = segment_lungs(image, network=network_of(probability)).labels
    mirrored = segment_lungs(image, mirrored=True, network=network_of(probability)).labels
    assert set(np.unique(usual[:, :96])) == {0, RIGHT}
    assert set(np.unique(usual[:, 96:])) == {0, LEFT}
    np.testing.assert_array_equal(mirrored, np.array([0, RIGHT, LEFT], np.uint8)[usual])
    only_left = np.where(np.arange(PIXELS) < 96, np.float32(0), probability)
    assert set(np.unique(segment_lungs(image, network=network_of(only_left)).labels)) == {0, LEFT}
    probability[:, 96:] = 0
    assert set(np.unique(segment_lungs(image, network=network_of(probability)).labels)) == {0, RIGHT}


def test_two_regions_are_kept_and_their_holes_filled() -> None:
    probability = blank()
    probability[50:150, 30:80], probability[50:150, 110:160] = 0.9, 0.9
    probability[90:100, 50:60] = 0.1
    probability[160:180, 90:110] = 0.8  # the third
    labels = segment_lungs(np.zeros((PIXELS, PIXELS), np.uint8), network=network_of(probability)).labels
    assert (labels[90:100, 50:60] == RIGHT).all()
    assert not labels[155:].any()


def test_lungs_that_touch_are_parted_where_the_network_is_less_certain() -> None:
    probability = blank()
    probability[50:150, 30:90], probability[50:150, 100:160] = 0.95, 0.95
    probability[50:70, 90:100] = 0.6
    labels = segment_lungs(np.zeros((PIXELS, PIXELS), np.uint8), network=network_of(probability)).labels
    assert (labels[50:150, 30:90] == RIGHT).all()
    assert (labels[50:150, 100:160] == LEFT).all()
    assert labels[50:70, 90:94].all()
    assert set(np.unique(labels[50:70, 90:100])) == {LEFT, RIGHT}


def test_the_mirror_image_counts_as_much() -> None:
    def network(image: np.ndarray) -> np.ndarray:
        return np.asarray(image / 200 + np.array([0.0, 0.1, 0.4]))

    found = flip_averaged(network)(np.array([[100, 20, 40]], np.uint8))
    # Of the image 0.5 + 0, 0.1 + 0.1, 0.2 + 0.4; of its mirror image, mirrored back, 0.5 + 0.4, 0.1 + 0.1, 0.2 + 0.
    np.testing.assert_allclose(found, [[0.7, 0.2, 0.4]])


def test_a_lung_is_not_parted_across() -> None:
    """Two halves of one lung, one above the other, stay one."""
    probability = blank()
    probability[20:90, 30:80], probability[100:170, 40:90], probability[90:100, 40:80] = 0.9, 0.9, 0.6
    labels = segment_lungs(np.zeros((PIXELS, PIXELS), np.uint8), network=network_of(probability)).labels
    assert set(np.unique(labels)) == {0, RIGHT}


@pytest.mark.parametrize(("pixels", "lungs_found"), [(600, {RIGHT, LEFT}), (599, {RIGHT})])
def test_a_part_of_less_than_15_percent_is_no_second_lung(pixels: int, lungs_found: set[int]) -> None:
    probability = blank()
    probability[50:150, 30:70], probability[50:70, 70:80] = 0.9, 0.6  # 4,000 pixels of a lung, and a bridge
    probability[50:70, 80:110] = 0.9  # 600, of which the last may be a little less
    probability[69, 110 - (600 - pixels) : 110] = 0.6
    labels = segment_lungs(np.zeros((PIXELS, PIXELS), np.uint8), network=network_of(probability)).labels
    assert set(np.unique(labels)) == {0, *lungs_found}


def test_certainty_is_the_agreement_of_probabilities_with_their_mask() -> None:
    probability = blank()
    probability[:96] = 0.75
    probability[96:, :96] = 0.25
    found = segment_lungs(np.zeros((PIXELS, PIXELS), np.uint8), network=network_of(probability))
    # Of quarters: probabilities 0.75 + 0.75 + 0.25 + 0, mask 1 + 1, shared 0.75 + 0.75.
    assert found.certainty == pytest.approx(2 * 1.5 / (1.75 + 2))
    assert segment_lungs(np.zeros((9, 9), np.uint8), network=network_of(blank())).certainty == 0


def test_no_lung_is_no_error() -> None:
    found = segment_lungs(np.zeros((3000, 20), np.uint8), network=network_of(blank()))
    assert found.labels.shape == (3000, 20)
    assert not found.labels.any()


@pytest.mark.parametrize("seed", range(4))
def test_the_shipped_network_finds_the_lungs_of_drawn_chests(seed: int) -> None:
    """Their masks leave out heart and great vessels, which count as lung here."""
    random = np.random.default_rng(seed)
    thorax = random_thorax(random)
    drawn = draw(thorax, random_exposure(thorax, random), 256, seed)
    found = segment_lungs(drawn.grey)
    visible = drawn.lungs > 0
    assert (found.labels > 0)[visible].mean() > 0.95
    assert (found.labels > 0).sum() < 1.6 * visible.sum()
    columns = [np.flatnonzero((found.labels == side).any(axis=0)).mean() for side in (RIGHT, LEFT)]
    assert columns[0] < 128 < columns[1]
    header = RadiographHeader(None, None, None, None, None, 256, 256, None)
    assert assess_frontal(found, Radiograph(drawn.grey, header)) == ()


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_chest_has_no_lungs(quarters: int) -> None:
    random = np.random.default_rng(0)
    thorax = random_thorax(random)
    drawn = draw(thorax, random_exposure(thorax, random), 256, 0)
    assert not segment_lungs(np.ascontiguousarray(np.rot90(drawn.grey, quarters))).labels.any()


def test_real_children(shared_data: Path) -> None:
    """The network has learned from them: this shows that weights and code belong together, no more."""
    dice = []
    for path in sorted((shared_data / "chest-xray-lungs").glob("*.jp*g"))[::40]:
        with Image.open(path.with_name(f"{path.stem}_mask.png")) as image:
            expected = np.asarray(image) > 0
        found = segment_lungs(read_image(path).grey).labels > 0
        dice.append(2 * (found & expected).sum() / (found.sum() + expected.sum()))
    assert np.mean(dice) > 0.94


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lungs, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(UserError, match=r"lungs\.npz: holds other weights than this version of pulmo has"):
        lungs.shipped_weights()


def test_in_a_kernel_the_weights_lie_in_its_dataset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shipped = lungs.shipped_weights()
    there = resources.files("pulmo.radiographs") / "lungs.npz"
    (tmp_path / "elsewhere.npz").write_bytes(there.read_bytes())
    monkeypatch.setattr(lungs, "WEIGHTS", "elsewhere.npz")
    monkeypatch.setenv("PULMO_WEIGHTS", str(tmp_path))
    found = lungs.shipped_weights()
    assert all((found[name] == shipped[name]).all() for name in shipped)


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lungs, "WEIGHTS", "nowhere.npz")
    with pytest.raises(UserError, match=r"nowhere\.npz: .*missing from the package\. Install pulmo again"):
        lungs.shipped_weights()


SQUARE = np.zeros((PIXELS, PIXELS), np.uint8)


@pytest.mark.parametrize(("rows", "columns", "found"), [(8, 23, False), (5, 37, True)])
def test_a_lung_fills_half_a_per_cent_of_the_image(rows: int, columns: int, found: bool) -> None:
    """184 or 185 of 192 × 192 pixels, of which that is 184.3."""
    probability = blank()
    probability[50 : 50 + rows, 20 : 20 + columns] = 1
    assert segment_lungs(SQUARE, network=network_of(probability)).labels.any() == found


def test_lung_is_as_likely_as_not() -> None:
    probability = blank()
    probability[50:100, 20:70] = 0.5
    probability[50:100, 100:150] = 0.49
    labels = segment_lungs(SQUARE, network=network_of(probability)).labels
    assert labels[55:95, 25:65].all()
    assert not labels[:, 80:].any()


@pytest.mark.parametrize(
    ("certain", "bridge", "parted"),
    [
        (0.8, 0.69, True),
        (0.8, 0.7, False),
        (0.9, 0.84, True),
        (0.9, 0.86, False),
        (0.97, 0.94, True),
        (1.0, 0.96, False),
    ],
)
def test_one_region_is_parted_at_three_certainties(certain: float, bridge: float, parted: bool) -> None:
    probability = blank()
    probability[50:150, 30:90] = probability[50:150, 100:160] = certain
    probability[50:70, 90:100] = bridge
    labels = segment_lungs(SQUARE, network=network_of(probability)).labels
    assert len(set(labels[50:150, 30:160][labels[50:150, 30:160] > 0])) == 1 + parted


@pytest.mark.parametrize(("rows", "columns", "parted"), [(30, 30, True), (29, 31, False)])
def test_the_smaller_core_has_15_percent_of_the_larger(rows: int, columns: int, parted: bool) -> None:
    """900 or 899 of 6000 pixels."""
    probability = blank()
    probability[50:150, 30:90] = probability[50 : 50 + rows, 100 : 100 + columns] = 0.95
    probability[50:60, 90:100] = 0.6
    labels = segment_lungs(SQUARE, network=network_of(probability)).labels
    assert set(labels[labels > 0]) == ({LEFT, RIGHT} if parted else {RIGHT})


@pytest.mark.parametrize(("side", "black"), [(28, False), (32, True)])
def test_films_of_eight_times_the_size_are_sampled(side: int, black: bool) -> None:
    """Every second row and column, here the black ones; smaller images are averaged over every pixel."""
    grey = np.zeros((side, side), np.uint8)
    grey[1::2] = 200
    assert (letterboxed(grey, 4) == 0).all() == black
