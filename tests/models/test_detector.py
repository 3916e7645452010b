from pathlib import Path

import numpy as np
import pytest

from pulmo.models.detector import BoxesAround, DetectorParameters, detector
from tests.models.support import predict, random_images, saved_and_read

SMALL = DetectorParameters(base_filters=4, depth=2, momentum=0.9, stride=2)


def test_boxes_lie_around_the_middles_of_cells_by_hand() -> None:
    distances = np.zeros((1, 2, 3, 4), np.float32)
    distances[0, 1, 2] = [0.5, 1, 2, 0.25]
    boxes = np.asarray(BoxesAround(8)(distances))
    assert boxes[0, 0, 0].tolist() == [4, 4, 4, 4]
    # The middle of row 1, column 2 is at x 20, y 12.
    assert boxes[0, 1, 2].tolist() == [16, 4, 36, 14]


@pytest.mark.parametrize(("stride", "side"), [(2, 8), (4, 4)])
def test_the_grid_has_the_stride(stride: int, side: int) -> None:
    found = predict(detector(SMALL._replace(stride=stride), 16), random_images(2, 16))
    assert found["heat"].shape == (2, side, side)
    assert found["boxes"].shape == (2, side, side, 4)
    assert ((found["heat"] > 0) & (found["heat"] < 1)).all()
    assert (found["boxes"][..., :2] < found["boxes"][..., 2:]).all()


def test_parameters_counted_by_hand() -> None:
    first = (1 * 9 * 4 + 4 * 4) + 2 * (4 * 9 * 4 + 4 * 4)
    second = (4 * 9 * 8 + 4 * 8) + 2 * (8 * 9 * 8 + 4 * 8)
    back = (8 + 4) * 9 * 4 + 4 * 4
    head = (4 * 9 * 4 + 4 * 4) + (4 + 1) + (4 * 4 + 4)
    assert detector(SMALL, 16).count_params() == first + second + back + head


@pytest.mark.parametrize(("stride", "side"), [(8, 4), (32, 1)])
def test_a_feature_pyramid_on_an_encoder_has_the_stride_and_is_counted_by_hand(stride: int, side: int) -> None:
    parameters = SMALL._replace(stride=stride, encoder="mobilenet_v2")
    network = detector(parameters, 32)
    found = predict(network, random_images(2, 32))
    assert found["heat"].shape == (2, side, side)
    filters = [level.shape[-1] for level in network.get_layer("encoder").outputs]
    assert len(filters) == (3 if stride == 8 else 1)
    lateral = sum(count * 4 + 4 * 4 for count in filters)
    head = (4 * 9 * 4 + 4 * 4) + (4 + 1) + (4 * 4 + 4)
    assert network.count_params() == network.get_layer("encoder").count_params() + lateral + head


def test_saved_and_read_in_safe_mode_it_predicts_the_same(tmp_path: Path) -> None:
    network, images = detector(SMALL, 8), random_images(2, 8)
    before, after = predict(network, images), predict(saved_and_read(network, tmp_path), images)
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])


def test_a_size_that_cannot_be_halved_is_named() -> None:
    with pytest.raises(ValueError, match="18 pixels a side are not a multiple of 4"):
        detector(SMALL, 18)
