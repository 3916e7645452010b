"""What is watched while networks learn, by hand."""

import numpy as np
from keras import ops

from pulmo.models.metrics import accuracy_of_classes, accuracy_of_labels, dice_of_masks


def test_dice_is_taken_picture_by_picture_of_what_is_likelier_than_not() -> None:
    target = np.zeros((4, 2, 2), np.uint8)
    found = np.zeros((4, 2, 2), np.float32)
    target[0], found[0] = [[255, 200], [127, 0]], [[0.9, 0.4], [0.6, 0.1]]  # two pixels each, one in common: 2·1 / 4
    target[1, 0, 0] = 255  # one, and none found
    found[2, 0, 0] = 0.7  # none, and one found; in the last, none and none
    dice = ops.convert_to_numpy(dice_of_masks(ops.convert_to_tensor(target), {"mask": ops.convert_to_tensor(found)}))
    assert dice.tolist() == [0.5, 0.0, 0.0, 1.0]


def test_accuracy_is_of_the_class_of_highest_score() -> None:
    scores = ops.convert_to_tensor(np.array([[1.0, 2.0], [3.0, 2.0], [0.0, 0.1]], np.float32))
    right = accuracy_of_classes(ops.convert_to_tensor(np.array([[1], [1], [0]])), scores)
    assert ops.convert_to_numpy(right).tolist() == [1.0, 0.0, 0.0]


def test_one_half_exactly_is_covered_in_both() -> None:
    target = ops.convert_to_tensor(np.array([[[128, 127]]], np.uint8))
    found = ops.convert_to_tensor(np.array([[[0.5, 0.499]]], np.float32))
    assert ops.convert_to_numpy(dice_of_masks(target, {"mask": found})).tolist() == [1.0]


def test_accuracy_of_labels_is_their_share_at_one_half() -> None:
    target = ops.convert_to_tensor(np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]], np.float32))
    logits = ops.convert_to_tensor(np.array([[0.0, -0.1, -2.0, 3.0], [-1.0, -1.0, 1.0, 1.0]], np.float32))
    assert ops.convert_to_numpy(accuracy_of_labels(target, logits)).tolist() == [0.5, 1.0]
