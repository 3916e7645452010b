from pathlib import Path

import keras
import numpy as np
import pytest

from pulmo.models.resnet_segmenter import REPORT, ResnetSegmenterParameters, resnet_segmenter
from tests.models.support import predict, random_images, saved_and_read, trainable

SMALL = ResnetSegmenterParameters(
    base_filters=2, depth=2, residual_blocks=1, momentum=0.9, negative_slope=0.1, upsampling_head=False
)


@pytest.mark.parametrize("pixels", [32, 320])
def test_the_report_states_its_parameters(pixels: int) -> None:
    network = resnet_segmenter(REPORT, pixels)
    assert network.count_params() == 14_957_729
    assert trainable(network) == 14_947_297
    assert network.output["mask"].shape == (None, pixels, pixels)


def test_the_short_head_reads_the_last_level() -> None:
    network = resnet_segmenter(REPORT._replace(upsampling_head=False), 32)
    normalisations = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert [layer.momentum for layer in normalisations[-2:]] == [0.9, 0.9999]
    # The head by hand: 1×1 to 256, transposed to 128, 1×1 to 1, their biases, and two more normalisations.
    head = (512 * 256 + 256) + (8 * 8 * 256 * 128 + 128) + (128 + 1) + 4 * 256 + 4 * 128
    assert network.count_params() == 14_957_729 - head + (512 + 1)


@pytest.mark.parametrize(("depth", "repeated"), [(3, 2), (4, 4)])
def test_probabilities_are_repeated_to_full_size(depth: int, repeated: int) -> None:
    network = resnet_segmenter(SMALL._replace(depth=depth, upsampling_head=True), 32)
    mask = predict(network, random_images(1, 32))["mask"][0]
    tiles = mask.reshape(32 // repeated, repeated, 32 // repeated, repeated)
    np.testing.assert_array_equal(tiles, np.broadcast_to(tiles[:, :1, :, :1], tiles.shape))
    assert len(np.unique(mask)) > 8


def test_saved_and_read_in_safe_mode_it_predicts_the_same(tmp_path: Path) -> None:
    network, images = resnet_segmenter(SMALL, 16), random_images(2, 16)
    again = saved_and_read(network, tmp_path)
    np.testing.assert_array_equal(predict(network, images)["mask"], predict(again, images)["mask"])


def test_a_size_that_cannot_be_halved_is_named() -> None:
    with pytest.raises(ValueError, match="not a multiple of 4"):
        resnet_segmenter(SMALL, 18)
