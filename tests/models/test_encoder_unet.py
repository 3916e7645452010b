import keras
import numpy as np
import pytest

from pulmo.models.efficientnet_lite import SCALING
from pulmo.models.encoder_unet import EncoderUnetParameters, encoder_unet
from pulmo.models.encoders import ENCODERS, backbone
from tests.models.support import predict, random_images

SMALL = EncoderUnetParameters("mobilenet_v2", (8, 8, 8, 4, 4), momentum=0.9, presence_head=True)


@pytest.mark.parametrize("name", sorted(set(ENCODERS) - set(SCALING)))
def test_an_encoder_gets_what_it_is_used_to(name: str) -> None:
    """Checked against the library's own `preprocess_input`."""
    module = {"efficientnet_v2_b0": "efficientnet_v2", "densenet121": "densenet"}.get(name, name)
    grey = np.array([0, 100, 255], np.float32)
    expected = getattr(keras.applications, module).preprocess_input(np.stack([grey] * 3, -1))
    np.testing.assert_allclose(_scaled(name, grey), expected, atol=1e-3)


@pytest.mark.parametrize("name", SCALING)
def test_efficientnet_lite_gets_what_its_authors_trained_it_with(name: str) -> None:
    grey = np.array([0, 127, 255], np.float32)
    np.testing.assert_allclose(_scaled(name, grey), np.stack([[-127 / 128, 0, 1]] * 3, -1), atol=1e-6)


def _scaled(name: str, grey: np.ndarray) -> np.ndarray:
    encoder = ENCODERS[name]
    return np.asarray(grey[:, None] / 255 * np.array(encoder.scale) + np.array(encoder.offset))


def test_it_goes_down_by_the_encoder_and_up_beside_it() -> None:
    keras.utils.set_random_seed(0)
    network = encoder_unet(SMALL, 64)
    encoder = network.get_layer("encoder")
    assert [level.shape[1:3] for level in encoder.outputs] == [(32, 32), (16, 16), (8, 8), (4, 4), (2, 2)]
    found = predict(network, random_images(2, 64))
    assert found["mask"].shape == (2, 64, 64)
    assert found["presence"].shape == (2,)


def test_fewer_levels_end_above_the_images_size_and_are_interpolated() -> None:
    network = encoder_unet(SMALL._replace(filters=(8, 4)), 64)
    # The last features, of 2², are reduced and upsampled twice, joined to the encoder's; the mask is interpolated
    # from 8².
    shapes = [tuple(layer.output.shape[1:]) for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    reduced, path = [(2, 2, 8), (4, 4, 8), (8, 8, 4)], [(4, 4, 8), (4, 4, 8), (8, 8, 4), (8, 8, 4)]
    assert sorted(shapes) == sorted([*reduced, *path, (8, 8, 1)])
    assert predict(network, random_images(1, 64))["mask"].shape == (1, 64, 64)


def test_given_weights_are_the_encoders() -> None:
    weights = backbone("mobilenet_v2", 32).get_weights()
    found = encoder_unet(SMALL, 32, weights).get_layer("encoder").get_weights()
    assert len(found) == len(weights)
    for one, other in zip(found, weights, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="set_weights"):
        encoder_unet(SMALL, 32, weights[:-1])


def test_a_size_that_cannot_be_halved_is_named() -> None:
    with pytest.raises(ValueError, match="48 pixels a side are not a multiple of 32"):
        encoder_unet(SMALL, 48)
