import math

import keras
import numpy as np
import pytest

from pulmo.models.detection_loss import DetectionLoss, generalised_iou, grid_target

EMPTY = [0.0, 0.0, 0.0, 0.0]


def as_array(value: object) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(value))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 1.0),
        ([0, 0, 2, 2], [1, 0, 3, 2], 2 / 6),
        ([0, 0, 2, 2], [1, 1, 3, 3], 1 / 7 - 2 / 9),
        ([0, 0, 1, 1], [3, 0, 4, 1], 0 - 2 / 4),
    ],
)
def test_generalised_iou_by_hand(first: list[float], second: list[float], expected: float) -> None:
    found = generalised_iou(np.array([first], np.float32), np.array([second], np.float32))
    assert as_array(found).item() == pytest.approx(expected, abs=1e-6)


def test_heat_falls_off_around_the_middle_by_hand() -> None:
    # Its middle, x 20 and y 12, is in column 2 of row 1; it is 3 cells wide and 1 high.
    boxes = np.array([[[8, 8, 32, 16], EMPTY]], np.float32)
    heat, nearest = map(as_array, grid_target(boxes, 4, 5, 8.0))
    assert heat.shape == (1, 4, 5)
    assert np.argwhere(heat == 1).tolist() == [[0, 1, 2]]
    wide, high = (0.54 * 3 + 1) / 6, (0.54 * 1 + 1) / 6
    assert heat[0, 1, 3] == pytest.approx(math.exp(-1 / (2 * wide**2)), rel=1e-5)
    assert heat[0, 2, 1] == pytest.approx(math.exp(-1 / (2 * wide**2) - 1 / (2 * high**2)), rel=1e-4)
    assert nearest[0, 1, 2].tolist() == [8, 8, 32, 16]


def test_a_cell_belongs_to_the_box_that_heats_it_most() -> None:
    boxes = np.array([[[0, 0, 16, 16], [32, 0, 64, 32], EMPTY]], np.float32)
    heat, nearest = map(as_array, grid_target(boxes, 8, 8, 8.0))
    assert (heat[0] == 1).sum() == 2
    assert nearest[0, 1, 1].tolist() == [0, 0, 16, 16]
    assert nearest[0, 2, 6].tolist() == [32, 0, 64, 32]


def test_an_empty_picture_wants_no_heat_and_no_box() -> None:
    heat, _ = map(as_array, grid_target(np.zeros((2, 3, 4), np.float32), 4, 4, 8.0))
    assert not heat.any()
    found = np.full((2, 4, 4), 0.2, np.float32)
    loss = DetectionLoss(8).call(np.zeros((2, 3, 4), np.float32), {"heat": found, "boxes": np.ones((2, 4, 4, 4), "f4")})
    np.testing.assert_allclose(as_array(loss), 16 * 0.04 * -math.log(0.8), rtol=1e-5)


def test_the_loss_is_least_where_all_is_right_and_grows_with_each_mistake() -> None:
    target = np.array([[[8, 8, 32, 24], EMPTY]], np.float32)
    heat, boxes = map(as_array, grid_target(target, 4, 4, 8.0))
    peak = (heat == 1).astype(np.float32)

    def loss(heat: np.ndarray, boxes: np.ndarray) -> float:
        return float(as_array(DetectionLoss(8).call(target, {"heat": heat, "boxes": boxes})).item())

    right = loss(peak, boxes)
    assert right == pytest.approx(0, abs=1e-4)
    assert loss(0.5 * peak, boxes) == pytest.approx(0.25 * math.log(2), abs=1e-4)
    moved = boxes + np.array([4, 0, 4, 0], np.float32)
    # A quarter of the target's height away sideways: IoU 20/28, nothing around both left over.
    assert loss(peak, moved) == pytest.approx(2 * (1 - 20 / 28) * heat.sum() / max(float(heat.sum()), 1), rel=1e-3)


def test_it_is_saved_with_its_stride() -> None:
    assert DetectionLoss.from_config(DetectionLoss(4).get_config()).stride == 4
