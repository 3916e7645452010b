from pathlib import Path

import keras
import numpy as np
import pytest

from pulmo.models.unet import REPORT, UnetParameters, unet
from tests.models.support import predict, random_images, saved_and_read, trainable

SMALL = UnetParameters(
    base_filters=4, depth=2, filter_growth=1.5, dropout=0.1, momentum=0.9, output_stride=2, presence_head=True
)


@pytest.mark.parametrize("pixels", [32, 256])
def test_the_report_states_its_parameters(pixels: int) -> None:
    network = unet(REPORT, pixels)
    assert network.count_params() == 10_700_546
    assert trainable(network) == 10_694_658


def test_it_shrinks_widens_and_has_a_presence_head() -> None:
    network = unet(SMALL, 32)
    sizes = [layer.output.shape[1:] for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    down = [(16, 16, 4), (16, 16, 4), (16, 16, 4), (8, 8, 6), (8, 8, 6), (4, 4, 9), (4, 4, 9)]
    up = [(8, 8, 6), (8, 8, 6), (8, 8, 6), (16, 16, 4), (16, 16, 4), (16, 16, 4), (16, 16, 1)]
    assert sizes == down + up
    found = predict(network, random_images(3, 32))
    assert found["mask"].shape == (3, 32, 32)
    assert found["presence"].shape == (3,)
    assert all(value.dtype == np.float32 and ((value > 0) & (value < 1)).all() for value in found.values())


def test_an_image_is_seen_whatever_stands_beside_it() -> None:
    network, images = unet(SMALL._replace(depth=1), 16), random_images(3, 16)
    alone, together = predict(network, images[1:2]), predict(network, images)
    for name, value in alone.items():
        np.testing.assert_allclose(value[0], together[name][1], atol=1e-6)
    assert np.abs(together["mask"][0] - together["mask"][1]).max() > 1e-4


def test_a_size_that_cannot_be_halved_is_named() -> None:
    with pytest.raises(ValueError, match="36 pixels a side are not a multiple of 8"):
        unet(SMALL, 36)


def test_saved_and_read_in_safe_mode_it_predicts_the_same(tmp_path: Path) -> None:
    network, images = unet(SMALL._replace(depth=1), 16), random_images(2, 16)
    before, after = predict(network, images), predict(saved_and_read(network, tmp_path), images)
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])
