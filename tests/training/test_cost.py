"""Work counted by hand; hours follow from it."""

import math
from pathlib import Path

import keras
import pytest

from pulmo.models.classifier import ClassifierParameters, classifier
from pulmo.models.detector import DetectorParameters, detector
from pulmo.models.encoders import backbone
from pulmo.models.unet import UnetParameters
from pulmo.training import cost
from pulmo.training.cost import KAGGLE_GPUS, Gpu, Work, encoder_work, forward_work, training_cost
from pulmo.training.settings import ClassifierConfig, DetectorConfig, SegmenterConfig


def test_the_work_of_a_forward_pass_by_hand() -> None:
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(image)
    x = keras.layers.DepthwiseConv2D(5, padding="same")(x)
    x = keras.layers.Dense(2)(keras.layers.Flatten()(x))
    # Convolution: 4² places, each 3·3·3·4 products; depthwise: 4² places of 5·5·4; dense: 64·2. A sum beside each.
    expected = 2 * (16 * 108 + 16 * 100 + 128)
    # Each layer's output: 64 numbers of either convolution and of the flattened ones, then two.
    assert forward_work(keras.Model({"image": image}, x)) == Work(expected, 64 + 64 + 64 + 2)


def test_seconds_on_a_gpu_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "ARITHMETIC_SHARE", 0.5)
    monkeypatch.setattr(cost, "TRAFFIC", 20.0)
    # 2 TFLOP at half of 10 TFLOP/s take 0.4 s; 1 G numbers of 20 bytes at 100 GB/s take 0.2 s, 3 G take 0.6 s.
    gpu = Gpu(tflops=10, gigabytes=100)
    assert gpu.seconds(Work(2e12, 1e9)) == pytest.approx(0.4)
    assert gpu.seconds(Work(2e12, 3e9)) == pytest.approx(0.6)


def test_all_networks_epochs_and_steps_count() -> None:
    config = SegmenterConfig(base_filters=2, depth=1, folds=3, epochs=4, batch=8)
    found = training_cost(config, pixels=16, images=100, folds=5)
    # 80 images are 10 steps of 8; 4 epochs, 3 networks.
    assert (found.networks, found.passes) == (3, 3 * 4 * 80)
    assert math.isnan(found.seconds)
    per_image = found.gpu_hours["T4"] * 3600 / found.passes
    assert per_image >= found.gflop * 1e9 / (cost.ARITHMETIC_SHARE * KAGGLE_GPUS["T4"].tflops * 1e12)


@pytest.mark.slow
def test_a_frozen_encoder_costs_its_forward_pass(tmp_path: Path) -> None:
    backbone("mobilenet_v2", 32).save_weights(tmp_path / "mobilenet.weights.h5")
    values = {"network": "encoder", "encoder": "mobilenet_v2", "base_filters": 4, "epochs": 4, "frozen_epochs": 3}
    config = DetectorConfig.model_validate({**values, "encoder_weights": tmp_path / "mobilenet.weights.h5"})
    network = detector(DetectorParameters(4, 0, 0.9, 8, "mobilenet_v2"), 32)
    whole, encoder = forward_work(network).flop, encoder_work(network).flop
    assert 0 < encoder < whole
    # In three of four epochs the backward pass, twice the forward pass, leaves out the encoder.
    expected = 3 * whole - 2 * encoder * 3 / 4
    assert training_cost(config, pixels=32, images=40, folds=5).gflop == pytest.approx(expected / 1e9)


def test_a_classifier_costs_three_times_its_forward_pass() -> None:
    config = ClassifierConfig(network="unet", base_filters=2, depth=1, folds=2, epochs=1, batch=4)
    small = UnetParameters(2, 1, 2.0, 0.0, 0.9, output_stride=config.output_stride, presence_head=False)
    whole = forward_work(classifier(ClassifierParameters(small, config.dropout), 16, 1))
    found = training_cost(config, pixels=16, images=8, folds=2)
    assert found.gflop == pytest.approx(3 * whole.flop / 1e9)
    assert (found.networks, found.passes) == (2, 2 * 4)


def test_the_speed_here_is_measured() -> None:
    config = SegmenterConfig(base_filters=2, depth=1, folds=1, epochs=1)
    found = training_cost(config, pixels=8, images=4, folds=2, device="cpu")
    assert 0 < found.seconds < 10
    assert found.hours == pytest.approx(found.passes * found.seconds / 3600)
