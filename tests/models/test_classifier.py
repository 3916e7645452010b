from pathlib import Path

import numpy as np
import pytest

from pulmo.models.classifier import ClassifierParameters, classifier
from pulmo.models.encoders import backbone
from pulmo.models.unet import UnetParameters
from tests.models.support import random_images, saved_and_read

SMALL = UnetParameters(
    base_filters=4, depth=2, filter_growth=2.0, dropout=0.0, momentum=0.9, output_stride=1, presence_head=False
)


@pytest.mark.parametrize("encoder", [SMALL, "mobilenet_v2"])
def test_logits_of_every_output_saved_and_read_in_safe_mode(encoder: str | UnetParameters, tmp_path: Path) -> None:
    network = classifier(ClassifierParameters(encoder, 0.2), 32, outputs=11)
    images = random_images(3, 32)
    logits = np.asarray(network({"image": images}, training=False))
    assert logits.shape == (3, 11)
    assert logits.dtype == np.float32
    assert logits.min() < 0 < logits.max()
    again = saved_and_read(network, tmp_path)
    np.testing.assert_array_equal(np.asarray(again({"image": images}, training=False)), logits)


def test_mean_and_maximum_of_the_last_level_feed_the_logits() -> None:
    network = classifier(ClassifierParameters(SMALL, 0.0), 16, outputs=3)
    kernel, bias = network.layers[-1].get_weights()
    # 16 filters, put beside the block's input of 8 + 4 + 1 ... the last block has 16 + its input.
    filters = 16 + (8 + (4 + 1))
    assert kernel.shape == (2 * filters, 3)
    assert bias.shape == (3,)


def test_given_weights_are_the_encoders() -> None:
    weights = backbone("mobilenet_v2", 32).get_weights()
    network = classifier(ClassifierParameters("mobilenet_v2", 0.0), 32, 2, weights)
    for one, other in zip(network.get_layer("encoder").get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_size_that_cannot_be_halved_is_named() -> None:
    for encoder, multiple in ((SMALL, 4), ("mobilenet_v2", 32)):
        with pytest.raises(ValueError, match=f"18 pixels a side are not a multiple of {multiple}"):
            classifier(ClassifierParameters(encoder, 0.0), 18, 1)
