from typing import Any

import keras
import numpy as np
import pytest

from pulmo.training.augment import Augment, Augmentation, Layout, move_boxes, warp

SAME = np.eye(2, dtype=np.float32)[None]
QUARTER_TURN = np.array([[[0, 1], [-1, 0]]], np.float32)
STILL = np.zeros((1, 2), np.float32)


def moved(planes: np.ndarray, matrix: np.ndarray, shift: list[float], nearest: bool = False) -> np.ndarray:
    """One image (rows, columns), moved; what comes from outside is 9."""
    out = warp(planes[None, :, :, None], matrix, np.array([shift], np.float32), nearest, 9)
    return np.asarray(keras.ops.convert_to_numpy(out))[0, :, :, 0]


def batch_of(image: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    return {"inputs": {"image": image, "age": np.ones(len(image))}, "target": target, "weight": np.ones(len(image))}


def test_a_shift_by_hand() -> None:
    image = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)
    # Each new pixel shows what lies one row further down and half a column further right.
    assert moved(image, SAME, [1, 0.5]).tolist() == [[4.5, 5.5, 7.5], [7.5, 8.5, 9], [9, 9, 9]]


def test_between_four_pixels_by_hand() -> None:
    image = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)
    # Half a row further down: 2.5 3.5 4.5 and 9 beside it; then a quarter of the way to the next column.
    assert moved(image, SAME, [0.5, 0.25]).tolist() == [[2.75, 3.75, 5.625], [5.75, 6.75, 7.875], [8.125, 8.625, 9]]


def test_a_quarter_turn_by_hand_is_exact() -> None:
    image = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)
    # The new top left shows old (y, x) = (0·−1 + 1·−1, −1·−1 + 0·−1) = (−1, 1) from the centre: the top right.
    assert moved(image, QUARTER_TURN, [0, 0]).tolist() == [[3, 6, 9], [2, 5, 8], [1, 4, 7]]


def test_masks_keep_their_type_and_values() -> None:
    mask = np.array([[0, 1], [1, 0]], np.uint8)
    out = moved(mask, SAME, [0.3, 0.3], nearest=True)
    assert out.dtype == np.uint8
    assert out.tolist() == [[0, 1], [1, 0]]


def test_a_box_moves_with_what_it_marks() -> None:
    image = np.zeros((8, 8), np.uint8)
    image[1:3, 2:6] = 1  # x0 2, y0 1, x1 6, y1 3
    boxes = np.array([[[2, 1, 6, 3, 0.7], [0, 0, 0, 0, 0]]], np.float32)
    for turn, shift in ((SAME, [1, -1]), (QUARTER_TURN, [0, 0]), (SAME * [1, -1], [0, 2]), (QUARTER_TURN, [1, 1])):
        matrix = turn.astype(np.float32)
        rows, columns = np.nonzero(moved(image, matrix, [float(part) for part in shift], nearest=True) == 1)
        found = keras.ops.convert_to_numpy(move_boxes(boxes, matrix, np.array([shift], np.float32), (8, 8)))
        assert found[0, 0].tolist() == pytest.approx(
            [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, 0.7]
        )
        assert found[0, 1].tolist() == [0, 0, 0, 0, 0]


def test_a_box_is_cut_at_the_edge() -> None:
    boxes = np.array([[[2, 1, 6, 3]]], np.float32)
    found = move_boxes(boxes, SAME, np.array([[0, 3]], np.float32), (8, 8))
    assert keras.ops.convert_to_numpy(found).tolist() == [[[0, 1, 3, 3]]]


@pytest.mark.parametrize("layout", ["yx", "yxc", "zyx", "zyxc"])
def test_flips_are_exact_half_of_the_time_and_take_the_mask_along(layout: Layout) -> None:
    shape = {"yx": (4, 6), "yxc": (4, 6, 2), "zyx": (3, 4, 6), "zyxc": (3, 4, 6, 2)}[layout]
    image = np.random.default_rng(0).integers(-1000, 400, (40, *shape)).astype(np.int16)
    augment = Augment(Augmentation(flip_left_right=True), layout, seed=1, target="mask")
    out = augment(batch_of(image, image))
    seen, mask = (keras.ops.convert_to_numpy(value) for value in (out["inputs"]["image"], out["target"]))
    flipped = np.flip(image, 1 + layout.index("x"))
    same = np.array([(seen[number] == image[number]).all() for number in range(40)])
    other = np.array([(seen[number] == flipped[number]).all() for number in range(40)])
    assert (same ^ other).all()
    assert 10 <= same.sum() <= 30
    np.testing.assert_array_equal(seen, mask)
    assert mask.dtype == np.int16


def test_every_example_moves_by_itself_and_nothing_else_in_the_batch_changes() -> None:
    image = np.tile(np.random.default_rng(0).random((1, 16, 16)).astype(np.float32), (3, 1, 1))
    batch = batch_of(image, np.arange(3.0))
    out = Augment(Augmentation(rotation=20, zoom=0.1, shift=0.1, contrast=0.1, brightness=5), "yx", seed=0)(batch)
    seen = keras.ops.convert_to_numpy(out["inputs"]["image"])
    assert len({pixels.tobytes() for pixels in seen}) == 3
    assert keras.ops.convert_to_numpy(out["target"]).tolist() == [0, 1, 2]
    assert keras.ops.convert_to_numpy(out["inputs"]["age"]).tolist() == [1, 1, 1]


def test_gain_and_offset_stay_within_what_was_asked() -> None:
    image = np.full((200, 2, 2), 100.0, np.float32)
    seen = Augment(Augmentation(contrast=0.1, brightness=5), "yx", seed=0)(batch_of(image, image))["inputs"]["image"]
    values = keras.ops.convert_to_numpy(seen)[:, 0, 0]
    assert 85 <= values.min() < 90 < 110 < values.max() <= 115


def test_the_same_seed_moves_alike_and_the_layer_can_be_made_again_from_what_it_keeps() -> None:
    batch = batch_of(np.random.default_rng(0).random((2, 8, 8)).astype(np.float32), np.zeros(2))
    augment = Augment(Augmentation(rotation=20, flip_up_down=True), "yx", seed=5)
    again = Augment.from_config(augment.get_config())
    first, second = (keras.ops.convert_to_numpy(layer(batch)["inputs"]["image"]) for layer in (augment, again))
    np.testing.assert_array_equal(first, second)
    third = keras.ops.convert_to_numpy(augment(batch)["inputs"]["image"])
    assert (third != first).any()


def test_beyond_white_a_byte_stays_white_and_below_black_black() -> None:
    image = np.full((64, 2, 2), 250, np.uint8)
    image[:, 0] = 3
    augment = Augment(Augmentation(contrast=0.2, brightness=30), "yx", seed=0)
    seen = keras.ops.convert_to_numpy(augment(batch_of(image, np.zeros(64)))["inputs"]["image"])
    assert (seen[:, 0] < 40).all()
    assert (seen[:, 1] > 160).all()
    assert (seen.min(), seen.max()) == (0, 255)
    # A network takes bytes again: what it sees is what was meant.
    bytes_in = keras.Input((2, 2), dtype="uint8")
    network = keras.Model(bytes_in, keras.ops.cast(bytes_in, "float32"))
    assert np.abs(keras.ops.convert_to_numpy(network(keras.ops.convert_to_tensor(seen))) - seen).max() < 1
