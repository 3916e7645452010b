"""What segmentation networks share: heads whose values follow from hand-made weights."""

import keras
import numpy as np
import pytest

from pulmo.models.segmenter import as_segmenter, check_size, global_features, normalised, upsampled


def test_a_size_that_cannot_be_halved_often_enough() -> None:
    check_size(48, 16)
    with pytest.raises(ValueError, match="40 pixels a side are not a multiple of 16"):
        check_size(40, 16)


def test_grey_levels_lie_around_zero() -> None:
    image = keras.Input((1, 3), dtype="uint8")
    found = keras.Model(image, normalised(image))(np.array([[[0, 255, 51]]], np.uint8))
    assert tuple(found.shape) == (1, 1, 3, 1)
    black, white, fifth = np.ravel(found)
    assert black < 0 < white
    assert (fifth - black) / (white - black) == pytest.approx(0.2, abs=1e-6)


def test_mean_and_maximum_of_each_filter() -> None:
    features = np.array([[[[1.0, -4.0], [3.0, -2.0]]]], np.float32)
    assert np.ravel(global_features(features)).tolist() == [2.0, -3.0, 3.0, -2.0]


def test_upsampled_masks() -> None:
    x = np.array([[[[0.0], [1.0]]]], np.float32)
    assert np.array(upsampled(x, 1, "bilinear")).tolist() == [[[0.0, 1.0]]]
    assert np.array(upsampled(x, 2, "nearest")).tolist() == [[[0, 0, 1, 1]] * 2]
    assert np.array(upsampled(x, 2, "bilinear")).tolist() == [[[0, 0.25, 0.75, 1]] * 2]  # between pixels' centres


def test_heads_by_hand() -> None:
    """One filter at half the size: the mask is its sigmoid, upsampled; presence is the sigmoid of mean and maximum."""
    image = keras.Input((4, 4), dtype="uint8", name="image")
    features = keras.layers.AveragePooling2D(2)(keras.ops.expand_dims(keras.ops.cast(image, "float32"), -1))
    network = as_segmenter("by_hand", image, features, features)
    mask, presence = (layer for layer in network.layers if layer.weights)
    mask.set_weights([np.full((1, 1, 1, 1), np.log(3)), np.zeros(1)])
    presence.set_weights([np.log([[3.0], [1.0]]), np.zeros(1)])
    lit = np.zeros((1, 4, 4), np.uint8)
    lit[0, :2, :2] = 1  # of the four pixels of the features, one is 1
    found = network({"image": lit})
    assert tuple(found["mask"].shape) == (1, 4, 4)
    assert float(found["mask"][0, 0, 0]) == pytest.approx(0.75)
    assert float(found["mask"][0, 3, 3]) == pytest.approx(0.5)
    # mean 1/4, of weight log 3; maximum 1, of weight log 1 = 0.
    assert float(found["presence"][0]) == pytest.approx(1 / (1 + 3**-0.25))
    assert set(as_segmenter("mask_alone", image, features)({"image": lit})) == {"mask"}
