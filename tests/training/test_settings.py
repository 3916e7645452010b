"""What follows from the settings of a network: its schedule, augmentation, network and loss."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pulmo.errors import UserError
from pulmo.training.settings import ClassifierConfig, DetectorConfig, SegmenterConfig, check_pixels
from pulmo.training.tasks import BoxLimits, BoxTask, LabelsTask, MaskTask
from tests.models.support import predict, random_images

CONFIG = SegmenterConfig(
    batch=8,
    epochs=3,
    zoom=0.1,
    shift=0.2,
    contrast=0.3,
    brightness=4.0,
    base_filters=2,
    depth=2,
    filter_growth=1.5,
    presence_head=True,
    residual_blocks=1,
    upsampling_head=False,
    cross_entropy=1.0,
    focal=2.0,
    dice=3.0,
    iou=4.0,
    presence_loss=5.0,
    encoder="mobilenet_v2",
)
IMAGES = {"image": random_images(1, 32)}


def test_an_epoch_shows_each_example_once_unless_its_steps_are_set() -> None:
    schedule = CONFIG.schedule(examples=50)
    assert (schedule.steps, schedule.epochs) == (7, 3)
    assert CONFIG.model_copy(update={"steps": 5}).schedule(50).steps == 5


def test_without_patience_all_epochs_are_trained() -> None:
    assert CONFIG.schedule(50).patience >= CONFIG.epochs
    assert CONFIG.model_copy(update={"patience": 1}).schedule(50).patience == 1


def test_the_augmentation_has_the_ranges() -> None:
    found = CONFIG.augmentation(fill=-7)
    assert (found.flip_left_right, found.flip_up_down, found.rotation, found.zoom) == (True, False, 5.0, 0.1)
    assert (found.shift, found.contrast, found.brightness, found.fill) == (0.2, 0.3, 4.0, -7)


def test_every_segmenter_is_built_for_the_images() -> None:
    notes: list[str] = []
    for network, name in (("unet", "unet"), ("resnet", "resnet_segmenter"), ("encoder", "mobilenet_v2_unet")):
        task = MaskTask(CONFIG.model_copy(update={"network": network}), np.zeros((1, 32, 32), np.uint8))
        built = task.network(IMAGES, notes.append)()
        assert built.name == name
        found = predict(built, IMAGES["image"])
        assert found["mask"].shape == (1, 32, 32)
        assert ("presence" in found) == (network != "resnet") == task.config.predicts_presence
    assert notes == ["The encoder mobilenet_v2 starts from random weights: encoder_weights is not set"]


def test_every_detector_is_built_for_the_images() -> None:
    for network, multiple in (("plain", 4), ("encoder", 32)):
        values = {"network": network, "base_filters": 2, "depth": 2, "stride": 4, "encoder": "mobilenet_v2"}
        config = DetectorConfig.model_validate(values)
        assert config.pixel_multiple == multiple
        task = BoxTask(config, np.zeros((1, 1, 4), np.float32), BoxLimits(1, 0.5))
        built = task.network(IMAGES, lambda _: None)()
        assert predict(built, IMAGES["image"])["heat"].shape == (1, 8, 8)


def test_only_a_pretrained_encoder_is_frozen_and_trained_slower() -> None:
    values = {"frozen_epochs": 3, "frozen_views": 2, "encoder_learning_rate": 0.1}
    random, pretrained = (
        DetectorConfig.model_validate({**values, "encoder_weights": weights}).schedule(50)
        for weights in (None, Path("mobilenet.weights.h5"))
    )
    assert (random.frozen_epochs, random.frozen_views, random.encoder_learning_rate) == (0, 0, 1.0)
    assert (pretrained.frozen_epochs, pretrained.frozen_views, pretrained.encoder_learning_rate) == (3, 2, 0.1)


def test_every_classifier_is_built_for_the_images_and_labels() -> None:
    for network in ("unet", "encoder"):
        config = ClassifierConfig(network=network, base_filters=2, depth=2, encoder="mobilenet_v2")
        built = LabelsTask(config, np.zeros((1, 11), np.float32)).network(IMAGES, lambda _: None)()
        assert built(IMAGES).shape == (1, 11)


def test_the_loss_has_the_weights() -> None:
    terms = MaskTask(CONFIG, np.zeros((1, 32, 32), np.uint8)).loss().terms
    np.testing.assert_array_equal(terms[:5], [1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    ("config", "multiple"),
    [
        (SegmenterConfig(depth=3, output_stride=4), 32),
        (SegmenterConfig(depth=3, output_stride=4, network="resnet"), 8),
        (SegmenterConfig(depth=7, network="encoder"), 32),
        (ClassifierConfig(depth=3, output_stride=2, network="unet"), 16),
        (ClassifierConfig(depth=7), 32),
        (DetectorConfig(depth=5), 32),
    ],
)
def test_images_must_be_halved_as_often_as_the_network_does(
    config: SegmenterConfig | ClassifierConfig | DetectorConfig, multiple: int
) -> None:
    assert config.pixel_multiple == multiple
    check_pixels("train", 3 * multiple, multiple)
    with pytest.raises(UserError, match=f"needs a multiple of {multiple}. Set features.pixels to {multiple} or"):
        check_pixels("train", multiple + 1, multiple)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="averaging"):
        SegmenterConfig.model_validate({"averaging": 0.5, "encoder_weights": Path("x")})
