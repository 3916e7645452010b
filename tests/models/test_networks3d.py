"""The networks on whole scans: how large they are, what they say, and where they look."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pulmo.models.grad_cam import cut, grad_cam, magnified
from pulmo.models.intensity_scale import IntensityScale
from pulmo.models.parameters import describe_parameters
from pulmo.models.resnet3d import LOCALISED, ResNet3dParameters, resnet3d
from pulmo.models.slides_cnn3d import SlidesCnn3dParameters, slides_cnn3d
from pulmo.training.device import computing_on, gradient

SCALE = IntensityScale((-1000.0,), (400.0,), (0.25,))


def residual() -> Any:
    keras.utils.set_random_seed(0)
    return resnet3d(ResNet3dParameters((6, 12, 12, 2), 4, (8, 8), 0.1), SCALE)


def slides() -> Any:
    keras.utils.set_random_seed(0)
    return slides_cnn3d(SlidesCnn3dParameters((6, 12, 12, 1), (2, 3), 16, 0.2), SCALE)


def volumes(channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-1024, 400, (3, 6, 12, 12, channels)).astype(np.int16)


def test_the_slides_weights_and_where_they_are() -> None:
    network = slides_cnn3d(SlidesCnn3dParameters((20, 50, 50, 1), (32, 64), 1024, 0.2), SCALE)
    convolutions = (27 * 1 * 32 + 32) + (27 * 32 * 64 + 64)
    dense = 5 * 13 * 13 * 64 * 1024 + 1024
    assert network.count_params() == convolutions + dense + (1024 * 2 + 2) == 55_437_250
    assert describe_parameters(network) == "55,437,250 weights, 99.9% of them in one layer (54,080 × 1,024 and biases)"


@pytest.mark.parametrize("make", [residual, slides])
def test_any_stored_volume_becomes_two_scores_also_after_a_file(make: Any, tmp_path: Path) -> None:
    with computing_on("cpu"):
        network = make()
        rng = np.random.default_rng(1)
        network.set_weights([rng.normal(0, 0.2, value.shape) for value in network.get_weights()])
        given = volumes(network.input_shape[-1])
        scores = np.asarray(network({"image": given}))
        network.save(tmp_path / "network.keras")
        again = np.asarray(keras.models.load_model(tmp_path / "network.keras")({"image": given}))
    assert scores.shape == (3, 2)
    assert np.ptp(scores) > 0
    np.testing.assert_array_equal(scores, again)


@pytest.mark.parametrize("make", [residual, slides])
def test_the_gradient_is_what_a_small_step_changes(make: Any) -> None:
    with computing_on("cpu"):
        network = make()
        rng = np.random.default_rng(2)
        network.set_weights([rng.normal(0, 0.2, value.shape) for value in network.get_weights()])
        given = volumes(network.input_shape[-1])[:1]
        halves = cut(network, LOCALISED)
        maps = np.asarray(halves.maps(given))
        scores = np.asarray(network({"image": given}))
        assert np.asarray(halves.head(maps)) == pytest.approx(scores[:, 1] - scores[:, 0], abs=1e-4)
        # No two alike: of equal values in a pool, it would be a matter of taste which one changes the maximum.
        maps = rng.permutation(maps.size).reshape(maps.shape).astype(np.float32) / maps.size
        slopes = gradient(halves.head, maps)
        assert slopes.shape == maps.shape
        step = 1e-3 * slopes / np.linalg.norm(slopes)
        rises = np.asarray(halves.head(maps + step)) - np.asarray(halves.head(maps - step))
    assert rises.item() / 2e-3 == pytest.approx(np.linalg.norm(slopes), rel=0.05)


def test_grad_cam_by_hand() -> None:
    maps = np.zeros((1, 1, 2, 2, 2))
    maps[0, 0, 0, 0] = 3, 1
    maps[0, 0, 1, 1] = 0, 4
    slopes = np.zeros_like(maps)
    slopes[..., 0], slopes[0, 0, 0, 0, 1] = 2, -4  # means: 2 and −1
    # 2·3 − 1·1 = 5; 2·0 − 1·4 < 0
    assert grad_cam(maps, slopes).tolist() == [[[[5, 0], [0, 0]]]]


def test_magnified_between_the_centres_of_coarse_voxels() -> None:
    cam = np.array([[[[0.0, 4.0]]]])
    np.testing.assert_allclose(magnified(cam, (2, 1, 4))[0], [[[0, 1, 3, 4]], [[0, 1, 3, 4]]])


def test_one_bright_spot_is_where_it_looks() -> None:
    """A network that adds up what is bright looks at the spot."""
    with computing_on("cpu"):
        network = resnet3d(ResNet3dParameters((4, 16, 16, 1), 1, (1,), 0.0), SCALE)
        weights = [np.zeros(value.shape) for value in network.get_weights()]
        weights[0][:] = 0.25  # the stem: means of 2 × 2
        weights[-2][:] = [[0, 1], [0, 0]]  # the mean speaks for class 1, the maximum for nothing
        network.set_weights(weights)
        given = np.full((1, 4, 16, 16, 1), -1000, np.int16)
        given[0, 2, 4:6, 10:12] = 400
        halves = cut(network, LOCALISED)
        maps = np.asarray(halves.maps(given))
        cam = magnified(grad_cam(maps, gradient(halves.head, maps)), (4, 16, 16))[0]
    assert np.unravel_index(cam.argmax(), cam.shape)[0] == 2
    assert cam[2, 4:6, 10:12].min() == pytest.approx(cam.max(), rel=0.5)
    assert cam[2, 10:, :6].max() == 0
